// traceroute: which routers lie on the way to a host (UDP probes with a growing time to live; RFC 792 time exceeded).

import SystemInterface
import UserLibrary

@main enum TraceRoute: Program {
    static let usage: StaticString = """
        usage: traceroute [-m hops] [-q probes] [-w seconds] host
        Prints the routers on the way to a host: sends UDP datagrams that may make one hop, then two, and so on, and prints the
        hosts that report an error. The host itself answers that no program listens on the port.
          -m hops     at most so many (30)
          -q probes   so many for each hop (3)
          -w seconds  wait so long for each answer (2)
        Exit status 0 if the host was reached.
        """
    static let options: StaticString? = "m:q:w:"
    /// Where no program listens: one port for each probe, as traceroute has always had it.
    private static let firstPort = 33434

    static func run(_ arguments: Arguments) -> Int32 {
        let hops = arguments.number("m", in: 1...255) ?? 30
        let probes = arguments.number("q", in: 1...10) ?? 3
        let wait = arguments.milliseconds("w") ?? 2000
        guard arguments.count == 1 else { arguments.refuse("one host is needed") }
        let host = addressOrEnd(arguments[0])
        print("traceroute to \(arguments[0]) (\(address: host)), \(hops) hops at most")
        do throws(SystemError) {
            for hop in 1...hops where try probe(host, hop: hop, probes: probes, wait: wait) { return 0 }
        } catch {
            fail("\(address: host): \(error)")
        }
        return 1
    }

    /// Prints a line; true when the host itself answered.
    private static func probe(_ host: NetworkAddress, hop: Int, probes: Int, wait: Int32) throws(SystemError) -> Bool {
        var last = NetworkAddress.none
        var isThere = false
        standardOutput.write("\(hop, width: 2) ")
        for probe in 0..<probes {
            let socket = try System.socket()
            defer { do throws(SystemError) { try System.close(socket) } catch {} }
            let port = UInt16(firstPort + (hop * probes + probe) % 30000)
            try System.connect(socket, to: SocketAddress(host, port: port))
            try System.set(.timeToLive, of: socket, to: Int32(hop))
            try System.set(.receiveTimeout, of: socket, to: wait)
            let start = System.clock
            guard let answer = try ask(socket) else {
                standardOutput.write(" *")
                continue
            }
            let time = System.clock - start
            if answer.reporter != last { standardOutput.write(" \(address: answer.reporter)") }
            last = answer.reporter
            standardOutput.write("  \(milliseconds: time) ms")
            isThere = isThere || answer.isHost || answer.reporter == host
        }
        print("")
        return isThere
    }

    /// The host that answered a probe; nil when none did in time.
    private static func ask(_ socket: FileDescriptor) throws(SystemError) -> (reporter: NetworkAddress, isHost: Bool)? {
        let payload: [UInt8] = [UInt8](repeating: 0x40, count: 32)
        var buffer = [UInt8](repeating: 0, count: 64)
        do throws(SystemError) {
            try System.send(socket, payload.span)
            _ = try System.receive(socket, into: &buffer)
        } catch .timedOut {
            return nil
        } catch .connectionRefused {
            // The host itself: no program listens on the port.
        } catch {
            guard error == .hostUnreachable || error == .networkUnreachable else { throw error }
            return (try System.errorReporter(socket), false)
        }
        return (try System.peerAddress(socket).address, true)
    }
}
