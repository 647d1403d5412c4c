package main

// descriptorLimit is 0: Windows has no such limit.
func descriptorLimit() int { return 0 }
