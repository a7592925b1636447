// ping: asks a host whether it is there (ICMP echo, RFC 792).

import SystemInterface
import UserLibrary

@main enum Ping: Program {
    static let usage: StaticString = """
        usage: ping [-fnq] [-c count] [-i seconds] [-s size] [-t hops] [-W seconds] host
        Sends ICMP echo requests to a host, by address or name, and prints the replies; ^C ends it with statistics. Exit status 0
        if anything came back, 1 if not.
          -c count     stop after so many requests
          -f           flood: the next request as soon as a reply came; prints a dot for each, and takes it back when answered
          -i seconds   between two requests; 1 if not given, 0.001 is allowed
          -n           does nothing: names are never looked up
          -q           only the first line and the statistics
          -s size      bytes of payload, 56 if not given
          -t hops      time to live of the requests, 1 to 255
          -W seconds   how long to wait for a reply; 1 if not given
        """
    static let options: StaticString? = "c:fi:nqs:t:W:"
    static let takesOptionsAnywhere = true

    static func run(_ arguments: Arguments) -> Int32 {
        var run = PingRun()
        run.floods = arguments.has("f")
        run.isQuiet = arguments.has("q")
        run.count = arguments.number("c", in: 1...Int.max) ?? Int.max
        run.size = arguments.number("s", in: 0...65507) ?? 56
        run.interval = arguments.nanoseconds("i") ?? (run.floods ? 10_000_000 : 1_000_000_000)
        run.patience = arguments.nanoseconds("W", least: 1_000_000) ?? 1_000_000_000
        if arguments.value("W") == nil { run.lingers = 4_000_000_000 }
        let hops = arguments.number("t", in: 1...255)
        guard arguments.count == 1 else { arguments.refuse("one host is needed") }
        run.host = addressOrEnd(arguments[0])
        Interrupts.handle(.tells)
        do throws(SystemError) {
            let socket = try System.socket(.echo)
            if let hops { try System.set(.timeToLive, of: socket, to: Int32(hops)) }
            print("PING \(arguments[0]) (\(address: run.host)): \(run.size) data bytes")
            standardOutput.flush()
            try run.loop(socket)
        } catch {
            fail("\(address: run.host): \(error)")
        }
        run.summarise()
        return run.times.count > 0 ? 0 : 1
    }
}
