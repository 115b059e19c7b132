module github.com/mqha/mqha/lockfile/testdata/flock

go 1.25.0

require github.com/gofrs/flock v0.13.1

require golang.org/x/sys v0.47.0 // indirect
