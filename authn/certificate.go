package authn

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// MethodCertificate is the Subject.Method of who came with a certificate.
const MethodCertificate = "certificate"

// NameIn says what of a certificate is the name of whoever has it.
type NameIn string

// The places of names.
const (
	SubjectCN NameIn = "subject-cn"
	SANDNS    NameIn = "san-dns"
	SANEmail  NameIn = "san-email"
	SANURI    NameIn = "san-uri"
)

var commonName = asn1.ObjectIdentifier{2, 5, 4, 3}

// Of is the name in a certificate. There must be one: of several, who has the certificate could choose.
func (n NameIn) Of(c *x509.Certificate) (string, error) {
	var names []string
	switch n {
	case SubjectCN:
		for _, a := range c.Subject.Names {
			if a.Type.Equal(commonName) {
				names = append(names, fmt.Sprint(a.Value))
			}
		}
	case SANDNS:
		for _, d := range c.DNSNames {
			names = append(names, strings.ToLower(d))
		}
	case SANEmail:
		names = c.EmailAddresses
	case SANURI:
		for _, u := range c.URIs {
			names = append(names, u.String())
		}
	default:
		return "", fmt.Errorf("authn: %q is no place of a name", string(n))
	}
	if len(names) != 1 {
		return "", fmt.Errorf("the certificate has %d names as %s, not one", len(names), n)
	}
	if strings.ContainsRune(names[0], '*') {
		return "", errors.New("the certificate's name is a pattern")
	}
	return names[0], checkSubject(names[0])
}

// Certificates take a client's certificate for who asks, unless the request brings an explicit credential of its own. It is a Method.
type Certificates struct{ NameIn NameIn }

// Who reads the certificate that the connection was made with. See Method.
func (m Certificates) Who(f *request.Facts, _ bool) (request.Subject, bool, error) {
	if f.Authorization != "" || f.Certificate == nil && f.CertificateErr == nil {
		return request.Subject{}, false, nil
	}
	err := f.CertificateErr
	if err != nil {
		return request.Subject{}, true, reason.New(reason.CredentialInvalid, err)
	}
	name, err := m.NameIn.Of(f.Certificate)
	if err != nil {
		return request.Subject{}, true, reason.New(reason.CredentialInvalid, err)
	}
	return request.Subject{ID: name, Method: MethodCertificate}, true, nil
}
