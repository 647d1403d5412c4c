package flow

// core is the path without the steps that only normalise it.
func core(v *Val) *Val {
	for {
		switch v.op {
		case vClean, vReal:
			v = v.args[0]
		case vLower:
			if v.text != "same" {
				return v
			}
			v = v.args[0]
		default:
			return v
		}
	}
}

// level says how far the checked form of a path was normalised.
func level(v *Val) containment { return levelWithin(v, 4) }

// levelWithin looks through so many values that are one of several.
func levelWithin(v *Val, depth int) containment {
	out := notContained
	for {
		switch v.op {
		case vReal:
			return resolved
		case vClean:
			out = asText
			v = v.args[0]
		case vLower:
			v = v.args[0]
		case vJoin:
			if v.text == "go" {
				return asText
			}
			return out
		case vSafeJoin, vRel:
			return asText
		case vPhi:
			return max(out, leastLevel(v, depth-1))
		default:
			return out
		}
	}
}

// leastLevel is how far each of several forms of a path was normalised.
func leastLevel(v *Val, depth int) containment {
	least, any := resolved, false
	for _, a := range v.alts {
		if a.v.tainted && depth > 0 {
			least, any = min(least, levelWithin(a.v, depth)), true
		}
	}
	if !any {
		return notContained
	}
	return least
}
