package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// carry connects a check on this machine with the helper on another one. Check kills this process
// where it would kill the helper; the other machine sees the connection end, and does it.
func carry(address string, in io.Reader, out io.Writer) error {
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	ended := make(chan error, 2)
	go func() {
		_, err := io.Copy(conn, in)
		ended <- err
	}()
	go func() {
		_, err := io.Copy(out, conn)
		ended <- err
	}()
	return <-ended // whichever: the process ends with it
}

// serve runs one helper in dir for each connection until ctx ends.
func serve(ctx context.Context, address, dir string, log io.Writer) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	fmt.Fprintln(log, "listening on", listener.Addr())
	var connections sync.WaitGroup
	defer connections.Wait()
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(log, "check from", conn.RemoteAddr())
		connections.Go(func() {
			if err := help(ctx, conn, dir); err != nil {
				fmt.Fprintln(log, err)
			}
		})
	}
}

// help connects a helper with conn, and kills it when conn ends: to the check that is the death of
// the other process.
func help(ctx context.Context, conn net.Conn, dir string) error {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	c := other("")
	c.Dir, c.Stdout = dir, conn
	in, err := c.StdinPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	_, err = io.Copy(in, conn)
	err = errors.Join(err, c.Process.Kill())
	c.Wait() // it reports the kill, as it should
	if ctx.Err() != nil {
		return nil
	}
	return err
}
