package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"drive/darkroom"
)

type callback struct {
	Secret  string
	Headers map[string]string
	Body    []byte
}

func main() {
	var callbacks []callback
	if err := json.NewDecoder(os.Stdin).Decode(&callbacks); err != nil {
		panic(err)
	}
	known := map[string]bool{}
	remember := func(id string) (bool, error) {
		fresh := !known[id]
		known[id] = true
		return fresh, nil
	}
	for _, each := range callbacks {
		headers := http.Header{}
		for name, value := range each.Headers {
			headers.Set(name, value)
		}
		verdict, err := darkroom.ReadCallback(each.Secret, headers, each.Body, remember)
		if err != nil {
			panic(err)
		}
		process := struct {
			ID string `json:"process_id"`
		}{"-"}
		if verdict == darkroom.New {
			if err := json.Unmarshal(each.Body, &process); err != nil {
				panic(err)
			}
		}
		fmt.Println(verdict, process.ID)
	}
}
