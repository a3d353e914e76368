"""`signerctl evidence`: a folder for auditors that is sealed by the audit log, and its verification."""
