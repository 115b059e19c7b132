// Package winsvc hosts a [resource.Program] as a Windows service, and installs it, also as what Microsoft's
// cluster service (MSCS, Failover Cluster) runs as a Generic Service.
//
// The service control manager is told the truth: START_PENDING until the Program is Ready, STOP_PENDING
// until it has ended. While pending, the checkpoint grows with each Progress, and with each Healthy check
// that returns nil; a Program that hangs is not covered up. Stop and PRESHUTDOWN end the Program's context;
// PRESHUTDOWN comes before other services are stopped, and gives more time than SHUTDOWN (Install sets
// how much). Start, readiness, stop and errors go to the event log. An error ends the service with a
// service-specific exit code.
//
// While a service is START_PENDING the control manager sends it no stop
// (ERROR_SERVICE_CANNOT_ACCEPT_CTRL). A Program that may stand by for long is better run with
// Options.ReadyAtStart.
//
// # Under Microsoft's cluster service
//
// Install the service with the same Config on every node that may own the group, by hand or by
// Config.OnNode; it defines nothing in the queue manager. Leave Config.Automatic and Config.Restart off: the
// cluster starts it. Then, once, with today's tools:
//
//	Add-ClusterResource -Name "Payments agent" -ResourceType "Generic Service" -Group "Payments"
//	Get-ClusterResource "Payments agent" | Set-ClusterParameter ServiceName mqha-PAYMENTS
//	Add-ClusterResourceDependency -Resource "Payments agent" -Provider "Disk S"
//	(Get-ClusterResource "Payments agent").PendingTimeout = 300000
//	Start-ClusterResource "Payments agent"
//
// or with cluster.exe:
//
//	cluster.exe res "Payments agent" /create /group:"Payments" /type:"Generic Service"
//	cluster.exe res "Payments agent" /priv ServiceName=mqha-PAYMENTS
//	cluster.exe res "Payments agent" /adddep:"Disk S"
//	cluster.exe res "Payments agent" /prop PendingTimeout=300000
//	cluster.exe res "Payments agent" /online
//
// PendingTimeout, in milliseconds, should exceed the time that a stop may take.
//
// A program that is no service can be a Generic Application. The cluster then sees only whether its process
// lives, and ends it by TerminateProcess, without a word: the Program cannot stop in good order, which
// a Generic Service can.
//
//	cluster.exe res "Payments agent" /create /group:"Payments" /type:"Generic Application"
//	cluster.exe res "Payments agent" /priv CommandLine="C:\mqha\agent.exe -name PAYMENTS -state S:\payments"
//	cluster.exe res "Payments agent" /priv CurrentDirectory="C:\mqha"
//
//	Add-ClusterResource -Name "Payments agent" -ResourceType "Generic Application" -Group "Payments"
//	Get-ClusterResource "Payments agent" | Set-ClusterParameter -Multiple @{
//	    CommandLine = "C:\mqha\agent.exe -name PAYMENTS -state S:\payments"; CurrentDirectory = "C:\mqha" }
//
// # What was tried
//
// The command lines are from Microsoft's documentation; no Windows cluster was at hand to run them. Under Wine's
// control manager the service was installed with an account, started, stopped and removed; the control manager
// saw the checkpoints and wait hints of a slow start and a slow stop, that PRESHUTDOWN is accepted, the time that
// Install sets for it, and the service-specific exit code; and on a second Wine, with a registry and a control manager
// of its own, the same service waited in START_PENDING for the lock that the first one held, and took over. Wine does
// not judge PRESHUTDOWN itself, recovery actions, Config.OnNode, IsService, and what arrives in the event log:
// of that log only the registration of the source was seen.
//
// On other systems Run, Install and Remove return errors.ErrUnsupported.
package winsvc
