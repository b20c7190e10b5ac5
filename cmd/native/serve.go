//go:build !js

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

func serveCommand(ctx context.Context, t terminal, args []string) error {
	fs := newFlags("serve", `usage: keyfold serve [flags]

Serves the page. The folder is what "make site" builds; it is read from disk and
needs nothing from the network.
`)
	folder := fs.String("dir", "build/site", "`FOLDER` of the page")
	address := fs.String("address", "127.0.0.1:8080", "`HOST:PORT` to listen on")
	if err := fs.parse(t, args, 0); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(*folder, "index.html")); err != nil {
		return fmt.Errorf("-dir %s holds no index.html; \"make site\" builds the page", *folder)
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return fmt.Errorf("-address %s: %w", *address, err)
	}
	server := &http.Server{Handler: siteHandler(*folder), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	fmt.Fprintf(t.out, "keyfold is at http://%s/  (Ctrl-C ends it)\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// contentTypes are those of the page's files; a machine's own table may lack
// them, and a browser compiles wasm while it loads only with the right one.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".json": "application/json",
	".wasm": "application/wasm",
}

// siteHandler serves the files of a folder. In the place of FILE it sends
// FILE.br or FILE.gz, where the folder has it and the browser prefers it.
func siteHandler(folder string) http.Handler {
	root := os.DirFS(folder)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		if name == "" {
			name = "index.html"
		}
		w.Header().Set("Cache-Control", "no-cache") // a rebuilt page shows at once
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if kind, ok := contentTypes[path.Ext(name)]; ok {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Vary", "Accept-Encoding")
			coding := chooseCoding(r.Header.Values("Accept-Encoding"), codingsOf(root, name))
			switch coding {
			case "":
				http.Error(w, "no coding that this request accepts; there is identity", http.StatusNotAcceptable)
				return
			case identity:
			default:
				w.Header().Set("Content-Encoding", coding)
				name += extensions[coding]
			}
		}
		http.ServeFileFS(w, r, root, name)
	})
}
