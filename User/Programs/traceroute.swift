// traceroute: which routers lie on the way to a host (UDP probes with a growing time to live; RFC 792 time exceeded).

import SystemInterface
import UserLibrary

@main enum TraceRoute: Program {
    static let usage: StaticString = """
        usage: traceroute [-n] [-m hops] [-q probes] [-w seconds] host
        Prints the routers on the way to a host: sends UDP datagrams that may make one hop, then two, and so on, and prints the
        hosts that report an error. The host itself answers that no program listens on the port. Behind a time stands why the
        way ends there: !H host, !N network, !P protocol unreachable, !F too large, !X not allowed, !<number> another code.
          -m hops     at most so many (30)
          -n          does nothing: names are never looked up
          -q probes   so many for each hop (3)
          -w seconds  wait so long for each answer (2)
        Exit status 0 if the host was reached.
        """
    static let options: StaticString? = "m:nq:w:"
    static let takesOptionsAnywhere = true
    /// Where no program listens: one port for each probe, as traceroute has always had it.
    private static let firstPort = 33434
    private static let portUnreachable = 3 << 8 | 3

    /// What a probe came to.
    private struct Outcome {
        let reporter: NetworkAddress
        /// ICMP's type × 256 + code; 0: found out here.
        let code: Int
    }

    private enum End { case goesOn, reached, blocked }

    static func run(_ arguments: Arguments) -> Int32 {
        let hops = arguments.number("m", in: 1...255) ?? 30
        let probes = arguments.number("q", in: 1...10) ?? 3
        let wait = arguments.milliseconds("w") ?? 2000
        guard arguments.count == 1 else { arguments.refuse("one host is needed") }
        let host = addressOrEnd(arguments[0])
        print("traceroute to \(arguments[0]) (\(address: host)), \(hops) hops at most")
        do throws(SystemError) {
            for hop in 1...hops {
                switch try probe(host, hop: hop, probes: probes, wait: wait) {
                case .goesOn: continue
                case .reached: return 0
                case .blocked: return 1
                }
            }
        } catch {
            fail("\(address: host): \(error)")
        }
        return 1
    }

    /// Prints a line; how the way went on from there.
    private static func probe(_ host: NetworkAddress, hop: Int, probes: Int, wait: Int32) throws(SystemError) -> End {
        var last = NetworkAddress.none
        var end = End.goesOn
        standardOutput.write("\(hop, width: 2) ")
        for probe in 0..<probes {
            let socket = try System.socket()
            defer { do throws(SystemError) { try System.close(socket) } catch {} }
            let port = UInt16(firstPort + (hop * probes + probe) % 30000)
            try System.connect(socket, to: SocketAddress(host, port: port))
            try System.set(.timeToLive, of: socket, to: Int32(hop))
            try System.set(.receiveTimeout, of: socket, to: wait)
            let start = System.clock
            guard let outcome = try ask(socket) else {
                standardOutput.write(" *")
                continue
            }
            let time = System.clock - start
            if outcome.reporter != last { standardOutput.write(" \(address: outcome.reporter)") }
            last = outcome.reporter
            standardOutput.write("  \(milliseconds: time) ms")
            if outcome.code == portUnreachable || outcome.reporter == host {
                end = .reached
            } else if outcome.code >> 8 != 11 {
                if end == .goesOn { end = .blocked }
                standardOutput.write(" \(mark(outcome.code))")
            }
            standardOutput.flush()
        }
        print("")
        return end
    }

    private static func mark(_ code: Int) -> Text {
        guard code >> 8 == 3 || code == 0 else { return "!?" }
        switch code & 255 {
        case 0 where code != 0, 6, 11: return "!N"
        case 0, 1, 7, 12: return "!H"
        case 2: return "!P"
        case 4: return "!F"
        case 5: return "!S"
        case 9, 10, 13: return "!X"
        default: return "!<\(code & 255)>"
        }
    }

    /// The answer to a probe; nil when none came in time.
    private static func ask(_ socket: FileDescriptor) throws(SystemError) -> Outcome? {
        let payload: [UInt8] = [UInt8](repeating: 0x40, count: 32)
        var buffer = [UInt8](repeating: 0, count: 64)
        do throws(SystemError) {
            try System.send(socket, payload.span)
            _ = try System.receive(socket, into: &buffer)
        } catch .timedOut {
            return nil
        } catch {
            guard error == .hostUnreachable || error == .networkUnreachable || error == .connectionRefused else {
                throw error
            }
            let reporter = try System.errorReporter(socket)
            guard reporter != .none else { throw error }  // there is no route from here
            return Outcome(reporter: reporter, code: try System.errorCode(socket))
        }
        return Outcome(reporter: try System.peerAddress(socket).address, code: portUnreachable)  // it listens after all
    }
}
