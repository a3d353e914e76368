// Sumdb verifies a checkpoint, and an entry with its proof, with nothing but Go's own packages for transparency logs.
//
//	sumdb VKEY CHECKPOINT
//	sumdb VKEY PROOF ENTRY
package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 && len(os.Args) != 4 {
		log.Fatal("usage: sumdb VKEY CHECKPOINT | sumdb VKEY PROOF ENTRY")
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(read(os.Args[1]))))
	check(err)
	data := read(os.Args[2])
	if len(os.Args) == 3 {
		size, _ := open(data, verifier)
		fmt.Printf("%s %d\n", verifier.Name(), size)
		return
	}
	upper, checkpoint, _ := bytes.Cut(data, []byte("\n\n"))
	size, root := open(checkpoint, verifier)
	index, proof := parse(strings.Split(string(upper), "\n"))
	check(tlog.CheckRecord(proof, size, root, index, tlog.RecordHash(read(os.Args[3]))))
	fmt.Printf("%s %d %d\n", verifier.Name(), size, index)
}

// open verifies a checkpoint and gives its size and root.
func open(data []byte, verifier note.Verifier) (int64, tlog.Hash) {
	opened, err := note.Open(data, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		log.Fatalf("not a checkpoint of %s: %q", verifier.Name(), opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	return size, root
}

// parse reads index and hashes of a tlog-proof.
func parse(lines []string) (int64, tlog.RecordProof) {
	if len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		log.Fatal("not a tlog-proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	check(err)
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		data, err := base64.StdEncoding.DecodeString(line)
		check(err)
		proof = append(proof, tlog.Hash(data))
	}
	return index, proof
}

func read(path string) []byte {
	data, err := os.ReadFile(path)
	check(err)
	return data
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
