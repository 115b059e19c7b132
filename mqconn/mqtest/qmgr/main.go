// Command qmgr runs a queue manager of package mqtest as a process. (Skeleton.)
package main

func main() { panic("skeleton") }
