package app

import (
	"encoding/json"
	"net/http"
	"os"
)

// Profile is what a user says of itself.
type Profile struct {
	User string `json:"user"`
	Mail string `json:"mail"`
}

func (p Profile) save(base string) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return os.WriteFile(base+"/"+p.User+".json", data, 0o600)
}

func Handler(base string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /profile", func(w http.ResponseWriter, r *http.Request) {
		p := Profile{}
		if json.NewDecoder(r.Body).Decode(&p) != nil || p.User == "" {
			http.Error(w, "profile", http.StatusBadRequest)
			return
		}
		if err := p.save(base); err != nil {
			http.Error(w, "not saved", http.StatusInternalServerError)
		}
	})
	return mux
}
