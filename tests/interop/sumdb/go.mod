module sumdb

go 1.25

require golang.org/x/mod v0.33.0
