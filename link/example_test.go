package link_test

import (
	"fmt"
	"log"
	"net/netip"
	"strings"
	"time"

	"github.com/rootbound/rootbound/link"
)

// An application that has a key makes links which a server that has it too takes, without asking it.
func ExampleKeys_Sign() {
	// A file of keys; its line names the user whose links they are.
	keys, err := link.ParseKeys([]byte("app:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY= shop"))
	if err != nil {
		log.Fatal(err)
	}
	keys.BindHost("files.example") // what the server's --base-url says
	l, err := keys.Sign(link.Link{
		Path: "invoices/2026-17.pdf", ID: "order-17", Expires: time.Date(2126, 1, 1, 0, 0, 0, 0, time.UTC), Attachment: true, Uses: 3,
	})
	if err != nil {
		log.Fatal(err)
	}
	address := l.URL("https://files.example")
	fmt.Println(address[:strings.LastIndexByte(address, '.')])

	// What the server does.
	got, err := keys.Verify(l.Token, "invoices/2026-17.pdf", netip.MustParseAddr("192.0.2.1"), time.Now())
	fmt.Println(got.ID, got.Owner, got.Uses, err)
	_, err = keys.Verify(l.Token, "invoices/2026-18.pdf", netip.MustParseAddr("192.0.2.1"), time.Now())
	fmt.Println(err)
	// Output:
	// https://files.example/invoices/2026-17.pdf?link=1.app.4922899200.order-17.au3h...
	// order-17 shop 3 <nil>
	// the signed link does not hold
}
