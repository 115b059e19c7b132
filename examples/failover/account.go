package main

import "fmt"

// account is what the frames that were counted add up to.
type account struct {
	list   int64            // bytes of the list of files, which is sent before the first file
	resent int64            // bytes of files that were sent beyond the files' own
	back   []int64          // for each resume, how far before the end of what had been sent it went on
	fresh  map[string]int64 // for each process, bytes of files that nobody had sent before
}

// addUp follows the position in the bytes of all files: a frame moves it on, a resume sets it. A
// sender that goes on at a resume sends nothing between its question and that event, so that times
// of frames and events tell exactly which frames came before. Both are in order of time, total is
// the bytes of all files.
func addUp(frames []sentFrame, resumes []resume, total int64) (account, error) {
	var (
		a                       = account{fresh: make(map[string]int64)}
		position, sent, highest int64
		begun                   bool
	)
	set := func(r resume) {
		a.back = append(a.back, position-r.offset)
		position = r.offset
	}
	for _, f := range frames {
		for len(a.back) < len(resumes) && !resumes[len(a.back)].at.After(f.at) {
			set(resumes[len(a.back)])
		}
		begun = begun || f.first
		if !begun {
			a.list += int64(f.payload)
			continue
		}
		position += int64(f.payload)
		sent += int64(f.payload)
		if position > highest {
			a.fresh[f.by] += position - highest
			highest = position
		}
	}
	for len(a.back) < len(resumes) {
		set(resumes[len(a.back)])
	}
	a.resent = sent - total
	switch {
	case !begun:
		return a, fmt.Errorf("no frame among %d begins the first file", len(frames))
	case position != total:
		return a, fmt.Errorf("the frames end at byte %d of %d: something was sent twice between two resumes, or not at all", position, total)
	}
	return a, nil
}
