// iperf: how much gets through between two machines, over TCP or UDP. Speaks with iperf 2 on the other side.

import SystemInterface
import UserLibrary

@main enum IPerf: Program {
    static let usage: StaticString = """
        usage: iperf -c host [-r|-d|-R] [-t seconds|-n bytes] [-P connections] [-i seconds] [-l bytes] [-w bytes] [-p port] [-L port]
               iperf -s [-1] [-w bytes] [-p port]
               iperf -u -c host [-r|-d] [-b rate] [-t seconds|-n bytes] [-l bytes] [-p port] [-L port]
               iperf -u -s [-1] [-p port]
        Sends as much as gets through over TCP (-c), or receives it (-s), and reports how much that was. With -u it sends UDP
        datagrams at a rate; the receiver reports throughput, jitter, loss and reordering, also to the sender. Works with
        iperf 2 (not 3) on other systems.
          -b rate     bits a second, with k, m or g; 1m if not given
          -t seconds  how long to send; 10 if not given
          -n bytes    how much to send, with k, m or g
          -r          then the server sends as much back, over connections of its own
          -d          the server sends back at the same time
          -R          the server sends, over the client's connections
          -l bytes    payload of a datagram, 1470 if not given; over TCP, of a write, 65536 if not given
          -P count    connections at a time; 1 if not given
          -i seconds  report so often, too
          -w bytes    buffers of this size; as they grow by themselves if not given
          -p port     5001 if not given
          -L port     where -r and -d listen for what comes back; as -p if not given
          -1          end after one client
        The exit status of a client is 0 when the server reported.
        """
    static let options: StaticString? = "usc:b:t:l:p:1P:i:w:n:L:rdR"
    static let takesOptionsAnywhere = true

    /// A hundred days in nanoseconds: 1024 times that is a number of 64 bits (Client.swift).
    static let longest: UInt64 = 100 * 86_400 * 1_000_000_000

    struct Settings {
        var rate: UInt64 = 1_000_000
        var time: UInt64 = 10_000_000_000
        var length = 1470
        var port: UInt16 = 5001
        /// Bytes to send; the greatest number: as many as go in `time`.
        var amount = UInt64.max
        var direction = Direction.out
        var listenPort: UInt16 = 5001
        var onlyOne = false
        /// This is a server that sends back: the client may not listen yet.
        var isReturn = false
        /// Over TCP: bytes of a write, connections, nanoseconds between reports (0: none), buffers (0: as they are).
        var streamLength = 65_536
        var parallel = 1
        var interval: UInt64 = 0
        var window = 0
    }

    static func run(_ arguments: Arguments) -> Int32 {
        var settings = Settings()
        settings.onlyOne = arguments.has("1")
        if let rate = arguments.value("b") {
            guard let bits = rate.scaled, bits > 0 else {
                arguments.refuse("-b \(rate): not a number of bits a second such as 10m")
            }
            settings.rate = bits
        }
        settings.time = arguments.nanoseconds("t", least: 1, most: longest) ?? settings.time
        let isDatagram = arguments.has("u")
        if isDatagram { settings.length = arguments.number("l", in: Datagram.leastCount...65507) ?? settings.length }
        settings.streamLength = arguments.number("l", in: 1...1_048_576) ?? settings.streamLength
        settings.parallel = arguments.number("P", in: 1...128) ?? 1
        settings.interval = arguments.nanoseconds("i", least: 1, most: longest) ?? 0
        if let window = arguments.value("w") {
            guard let bytes = window.scaled, bytes >= 4096, bytes <= 4 << 20 else {
                arguments.refuse("-w \(window): not a number of bytes from 4k to 4m")
            }
            settings.window = Int(bytes)
        }
        settings.port = arguments.number("p", in: 1...65535).map { UInt16($0) } ?? settings.port
        settings.listenPort = arguments.number("L", in: 1...65535).map { UInt16($0) } ?? settings.port
        if let amount = arguments.value("n") {
            guard let bytes = amount.scaled, bytes > 0, bytes <= Int32.max else {
                arguments.refuse("-n \(amount): not a number of bytes from 1 to 2047m")
            }
            settings.amount = bytes
            settings.time = longest
        }
        let ways = (arguments.has("r") ? 1 : 0) + (arguments.has("d") ? 1 : 0) + (arguments.has("R") ? 1 : 0)
        if arguments.has("r") { settings.direction = .outThenBack }
        if arguments.has("d") { settings.direction = .both }
        if arguments.has("R") { settings.direction = .back }
        let (serves, host) = (arguments.has("s"), arguments.value("c"))
        guard arguments.count == 0, serves != (host != nil) else { arguments.refuse("either -s or -c is needed") }
        guard ways <= (serves ? 0 : 1) else { arguments.refuse("one of -r, -d and -R is for a client") }
        guard !isDatagram || settings.direction != .back else {
            arguments.refuse("-R is of TCP; -r and -d are of both")
        }
        do throws(SystemError) {
            if let host { return try run(settings, isDatagram, to: addressOrEnd(host)) }
            if isDatagram {
                var server = Server(settings)
                return try server.run(Server.socket(at: settings.port))
            }
            var server = StreamServer(settings)
            return try server.run(StreamServer.listener(settings, at: settings.port))
        } catch .addressInUse {
            let port = serves ? settings.port : settings.listenPort
            fail(
                "port \(port) is in use here, perhaps by another iperf -s; -\(serves ? "p" : "L" as StaticString) names another"
            )
        } catch .connectionRefused {
            fail(
                "no program listens on port \(settings.port) there; start iperf -s\(isDatagram ? " -u" : "" as StaticString) first"
            )
        } catch {
            fail("\(error)")
        }
    }

    /// The client's side of it.
    private static func run(
        _ settings: Settings, _ isDatagram: Bool, to host: NetworkAddress
    ) throws(SystemError) -> Int32 {
        guard settings.direction == .both || settings.direction == .outThenBack else {
            return try send(settings, isDatagram, to: host)
        }
        // Before anything is sent: the server may be quick.
        let own =
            isDatagram
            ? try Server.socket(at: settings.listenPort) : try StreamServer.listener(settings, at: settings.listenPort)
        var helpers = Helpers()
        if settings.direction == .both {
            helpers.start { () throws(SystemError) in try send(settings, isDatagram, to: host) }
        } else {
            let status = try send(settings, isDatagram, to: host)
            guard status == 0 else { return status }
        }
        var back = settings
        back.onlyOne = true
        let status: Int32
        if isDatagram {
            var server = Server(back, isReturn: true)
            status = try server.run(own)
        } else {
            var server = StreamServer(back, returns: settings.parallel)
            status = try server.run(own)
        }
        return max(status, helpers.reap(waits: true))
    }

    private static func send(
        _ settings: Settings, _ isDatagram: Bool, to host: NetworkAddress
    ) throws(SystemError) -> Int32 {
        if isDatagram { return try Client(settings, to: host).run() }
        var client = StreamClient(settings, to: host)
        return try client.run()
    }
}
