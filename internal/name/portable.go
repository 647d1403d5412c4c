package name

// PortableElement is replaced on merge.
func PortableElement(elem string) bool { return true }
