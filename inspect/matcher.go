package inspect

// keyword is a word to look for, in lower case, and what it stands for.
type keyword struct {
	word string
	id   int
}

// matcher finds many words at once in one pass, whatever their case (Aho and Corasick, 1975). Its table has a column for
// each byte that any word has, and one for all others, so that it stays in the processor's cache.
type matcher struct {
	column [256]uint8
	width  int
	next   []uint16 // of state and column
	out    [][]int  // ids of the words that end in a state, its suffixes' included
}

func newMatcher(words []keyword) *matcher {
	m := &matcher{width: 1}
	for _, w := range words {
		for i := 0; i < len(w.word); i++ {
			if c := w.word[i]; m.column[c] == 0 {
				m.column[c] = uint8(m.width)
				m.width++
			}
		}
	}
	for c := byte('a'); c <= 'z'; c++ {
		m.column[c-'a'+'A'] = m.column[c]
	}
	m.state()
	for _, w := range words {
		at := 0
		for i := 0; i < len(w.word); i++ {
			cell := at*m.width + int(m.column[w.word[i]])
			if m.next[cell] == 0 {
				to := m.state()
				m.next[cell] = to
			}
			at = int(m.next[cell])
		}
		m.out[at] = append(m.out[at], w.id)
	}
	m.connect()
	return m
}

func (m *matcher) state() uint16 {
	m.next = append(m.next, make([]uint16, m.width)...)
	m.out = append(m.out, nil)
	return uint16(len(m.out) - 1)
}

// connect makes of the tree of words a machine that never looks back: where a word does not go on, its longest suffix that
// begins another does. It goes by depth, so that suffixes are done first.
func (m *matcher) connect() {
	fail := make([]int, len(m.out))
	queue := []int{}
	for c := range m.width {
		if to := int(m.next[c]); to != 0 {
			queue = append(queue, to)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		m.out[at] = append(m.out[at], m.out[fail[at]]...)
		for c := range m.width {
			back := m.next[fail[at]*m.width+c]
			to := int(m.next[at*m.width+c])
			if to == 0 {
				m.next[at*m.width+c] = back
				continue
			}
			fail[to] = int(back)
			queue = append(queue, to)
		}
	}
}

// find marks the words that a text holds, and says whether there are any.
func (m *matcher) find(text []byte, hit []bool) (any bool) {
	at := 0
	for _, c := range text {
		at = int(m.next[at*m.width+int(m.column[c])])
		if out := m.out[at]; len(out) > 0 {
			any = true
			for _, id := range out {
				hit[id] = true
			}
		}
	}
	return any
}
