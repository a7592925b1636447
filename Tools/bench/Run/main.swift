// bench: measures the system and prints what it found. `make bench` and its kin start it; Documentation/Bench.md is its
// manual.

import BenchReport
import Foundation

let usage = """
    usage: bench measure [--baseline FILE] [--output FILE] [--once] [--cards virtio,...] [operation...]
    Measures in guest instructions, twice, and prints a table; with a baseline marks what got worse. Exit status 1 if something did.
           bench profile OPERATION [CARD [FUNCTION]]
    Shows where the instructions of an operation go, by function; or how often each of a function's was executed.
           bench harts
    Whether two harts do more work than one. Exit status 1 if it is less than 1.5 times as much.
           bench host [CARD]
    Packets a second to and from the host, and what the card takes at most.
           bench queues
    Split against packed queues and one pair against two, by the clock: four programs that send, or ping, on one hart and on two.
           bench pair
    Frames a second from one guest to another, through shared memory and over taps on a bridge.
           bench readme [--check]
    Makes README's transcript and figures anew; or says where they are not as the system is now (exit status 1).
           bench size | lines
    Bytes of the kernel, and lines of the source, by room.
    """

func fail(_ message: String) -> Never {
    FileHandle.standardError.write(Data("bench: \(message)\n".utf8))
    exit(2)
}

var arguments = Array(CommandLine.arguments.dropFirst())
if arguments.isEmpty || arguments.contains("--help") {
    print(usage)
    exit(arguments.isEmpty ? 2 : 0)
}
do {
    switch arguments.removeFirst() {
    case "measure": exit(try Measurement(arguments).run())
    case "profile":
        guard let operation = arguments.first else {
            fail("OP=name is missing: the operation to profile (bench -l in the guest lists them)")
        }
        let profile = try Profile(operation, card: arguments.count > 1 ? arguments[1] : "virtio")
        try profile.run(listing: arguments.count > 2 ? arguments[2] : nil)
    case "harts": exit(try Harts.run())
    case "host": exit(try HostNetwork.run(card: arguments.first ?? "virtio"))
    case "queues": try Queues.run()
    case "pair": if arguments.first == "--inside" { try Pair.runInside() } else { exit(try Pair.run()) }
    case "stations":
        try HostStreams.start()
        try HostNetwork.runStations()
    case "readme": exit(try Readme.run(isCheck: arguments.first == "--check"))
    case "size": try KernelSize.run()
    case "lines": try SourceLines.run()
    default: fail("there is no such command\n\(usage)")
    }
} catch {
    fail("\(error)")
}
