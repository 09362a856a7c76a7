"""The commands, one file each: arguments in, printed result and exit status out."""
