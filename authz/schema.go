package authz

import (
	"sync"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
)

// Schema is what policies may speak of, in Cedar's own language for that.
const Schema = `entity Group;
entity User in [Group] { name: String };
entity Anonymous;
entity Link { id: String };
entity Directory in [Directory] { path: String, name: String };
entity File in [Directory] { path: String, name: String };

action read, create, replace, delete appliesTo {
	principal: [User, Anonymous, Link],
	resource: [File]
};
action list appliesTo {
	principal: [User, Anonymous, Link],
	resource: [Directory]
};
action share appliesTo {
	principal: [User, Anonymous, Link],
	resource: [File, Directory]
};
`

const (
	typeUser      types.EntityType = "User"
	typeGroup     types.EntityType = "Group"
	typeAnonymous types.EntityType = "Anonymous"
	typeLink      types.EntityType = "Link"
	typeDirectory types.EntityType = "Directory"
	typeFile      types.EntityType = "File"
	typeAction    types.EntityType = "Action"
)

var anonymousUID = types.NewEntityUID(typeAnonymous, "anonymous")

func fileUID(path string) types.EntityUID { return types.NewEntityUID(typeFile, types.String(path)) }

func directoryUID(path string) types.EntityUID {
	return types.NewEntityUID(typeDirectory, types.String(path))
}

// validator holds policies to the schema: what Cedar cannot evaluate it skips, and a misspelt forbid would allow.
var validator = sync.OnceValues(func() (*validate.Validator, error) {
	var s schema.Schema
	if err := s.UnmarshalCedar([]byte(Schema)); err != nil {
		return nil, err
	}
	resolved, err := s.Resolve()
	if err != nil {
		return nil, err
	}
	return validate.New(resolved), nil
})
