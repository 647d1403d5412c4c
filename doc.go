// Package rootbound hands out files and nothing beyond the directory you name.
package rootbound
