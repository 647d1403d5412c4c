package plan

func NeedsHead(string) bool                               { return false }
func Active(string) bool                                  { return false }
func ContentType(name string, head []byte) (string, bool) { return "text/plain", false }
