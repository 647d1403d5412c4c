package authz_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/authz"
)

// A program that takes uploads asks for the right before it asks the file system: to create a name that is not there, to
// replace one that is, and to delete.
func ExampleAuthorizer_Decide() {
	path, err := os.MkdirTemp("", "inbox")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(path)
	dir, err := rootbound.Open(path, rootbound.Config{Writable: true})
	if err != nil {
		log.Fatal(err)
	}
	defer dir.Close()
	grants, err := authz.New(authz.Source{Grants: []authz.Grant{
		{User: "alice", On: "/", May: []string{"create", "replace", "delete"}},
		{User: "bob", On: "/", May: []string{"create"}},
	}})
	if err != nil {
		log.Fatal(err)
	}

	store := func(who, name, content string) error {
		checked, err := dir.Name(name)
		if err != nil {
			return err
		}
		may := func(right authz.Right) bool {
			return grants.Decide(authz.Subject{ID: who}, right, authz.Resource{Name: checked.String()}).Allowed
		}
		if !may(authz.Create) {
			return errors.New("not granted")
		}
		p, err := dir.Create(name, rootbound.CreateOptions{Overwrite: may(authz.Replace)})
		if err != nil {
			return err
		}
		defer p.Close()
		if _, err := p.Write([]byte(content)); err != nil {
			return err
		}
		return p.Commit() // refuses to replace without Overwrite, whatever was there before
	}
	remove := func(who, name string) error {
		f, err := dir.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		if !grants.Decide(authz.Subject{ID: who}, authz.Delete, authz.Resource{Name: f.Name().String()}).Allowed {
			return errors.New("not granted")
		}
		return f.Remove()
	}

	fmt.Println("bob creates:", store("bob", "a.txt", "first"))
	fmt.Println("bob replaces:", errors.Is(store("bob", "a.txt", "second"), fs.ErrExist))
	fmt.Println("alice replaces:", store("alice", "a.txt", "second"))
	fmt.Println("eve creates:", store("eve", "b.txt", "x"))
	fmt.Println("bob deletes:", remove("bob", "a.txt"))
	fmt.Println("alice deletes:", remove("alice", "a.txt"))
	// Output:
	// bob creates: <nil>
	// bob replaces: true
	// alice replaces: <nil>
	// eve creates: not granted
	// bob deletes: not granted
	// alice deletes: <nil>
}
