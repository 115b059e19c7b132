package transfer

// count counts what the receiver has written, wherever it lies by now.
func (w *crashWorld) count(n *crashNode) {
	if n != w.b {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = 0
	for _, f := range w.b.disk.Files("/got") {
		w.kept += int64(len(f.Data))
	}
	for _, fs := range w.taken {
		for _, f := range fs {
			w.kept += int64(len(f.Data))
		}
	}
}

// answered compares where the receiver goes on with what its predecessor had written.
func (w *crashWorld) answered(h *header) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forgot = max(w.forgot, w.kept-w.files.layout.bytesAt(h.Pos))
	w.kept = 0
}
