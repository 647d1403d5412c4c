// Package corpustest reads the labelled corpus of vet, and its tests run it: each case that is labelled vulnerable must
// leak in its real framework or server, and none of the others may. So a label is a fact and no opinion.
//
// A case is a directory vet/testdata/corpus/HALF/LANG/NAME with source files and a case.json. The half named blind is
// older than the rules of vet, independent of them, and not adapted to them.
//
// What the labels mean:
//
//   - vulnerable: a request reads, writes or removes something outside of the base directory, or finds a debugger.
//   - guarded: no request can name anything outside, and something remains: links that are followed, a race between a
//     check and an open, an existence oracle, a name that ends in a newline.
//   - safe: there is nothing to report.
package corpustest
