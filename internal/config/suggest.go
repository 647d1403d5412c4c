package config

import (
	"fmt"
	"reflect"
	"strings"
)

// known is every key of the schema with the table it stands in.
func known() (tables, keys []string) {
	t := reflect.TypeFor[File]()
	for i := range t.NumField() {
		name, ft := t.Field(i).Tag.Get("toml"), t.Field(i).Type
		tables, keys = append(tables, ""), append(keys, name)
		if ft.Kind() == reflect.Slice {
			ft = ft.Elem()
		}
		for _, f := range fields(ft) {
			tables, keys = append(tables, name), append(keys, f.Tag.Get("toml"))
		}
	}
	return tables, keys
}

// suggest names the nearest known key. The first word of a key is one letter away from it, and a key of another table
// one letter further than it looks.
func suggest(path, name string) string {
	table, _, _ := strings.Cut(path, "[")
	tables, keys := known()
	best, bestDistance := -1, 0
	for i, k := range keys {
		if strings.EqualFold(k, name) && tables[i] == table {
			return fmt.Sprintf("Keys are written in lower case: %q", k)
		}
		d := distance(strings.ToLower(name), k)
		if strings.HasPrefix(k, strings.ToLower(name)+"-") {
			d = 1
		}
		if tables[i] != table {
			d++
		}
		if best < 0 || d < bestDistance {
			best, bestDistance = i, d
		}
	}
	where := ""
	switch {
	case tables[best] != table && tables[best] != "":
		where = " in the table " + tables[best]
	case tables[best] != table:
		where = " at the top"
	}
	return fmt.Sprintf("The nearest known one is %q%s", keys[best], where)
}

// distance is the number of letters to change, add, drop or swap with their neighbour to make a into b
// (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
