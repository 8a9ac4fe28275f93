"""Where articles come from: one file per kind of source, one per format. All of them hand back `ports.Pull`."""
