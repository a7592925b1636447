// iperf: how much gets through between two machines, over TCP or UDP. Speaks with iperf 2 on the other side.

import SystemInterface
import UserLibrary

@main enum IPerf: Program {
    static let usage: StaticString = """
        usage: iperf -c host [-t seconds] [-P connections] [-i seconds] [-l bytes] [-w bytes] [-p port]
               iperf -s [-1] [-w bytes] [-p port]
               iperf -u -c host [-b rate] [-t seconds] [-l bytes] [-p port]
               iperf -u -s [-1] [-p port]
        Sends as much as gets through over TCP (-c), or receives it (-s), and reports how much that was. With -u it sends UDP
        datagrams at a rate; the receiver reports throughput, jitter, loss and reordering, also to the sender. Works with
        iperf 2 (not 3) on other systems.
          -b rate     bits a second, with k, m or g; 1m if not given
          -t seconds  how long to send; 10 if not given
          -l bytes    payload of a datagram, 1470 if not given; over TCP, of a write, 65536 if not given
          -P count    connections at a time; 1 if not given
          -i seconds  report so often, too
          -w bytes    buffers of this size; as they grow by themselves if not given
          -p port     5001 if not given
          -1          end after one client
        The exit status of a client is 0 when the server reported.
        """
    static let options: StaticString? = "usc:b:t:l:p:1P:i:w:"
    static let takesOptionsAnywhere = true

    /// A hundred days in nanoseconds: 1024 times that is a number of 64 bits (Client.swift).
    private static let longest: UInt64 = 100 * 86_400 * 1_000_000_000

    struct Settings {
        var rate: UInt64 = 1_000_000
        var time: UInt64 = 10_000_000_000
        var length = 1470
        var port: UInt16 = 5001
        var onlyOne = false
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
        let (serves, host) = (arguments.has("s"), arguments.value("c"))
        guard arguments.count == 0, serves != (host != nil) else { arguments.refuse("either -s or -c is needed") }
        do throws(SystemError) {
            guard isDatagram else {
                if let host {
                    var client = StreamClient(settings, to: addressOrEnd(host))
                    return try client.run()
                }
                var server = StreamServer(settings)
                return try server.run()
            }
            if let host {
                return try Client(settings, to: addressOrEnd(host)).run()
            }
            var server = Server(settings)
            return try server.run()
        } catch .connectionRefused {
            fail(
                "no program listens on port \(settings.port) there; start iperf -s\(isDatagram ? " -u" : "" as StaticString) first"
            )
        } catch {
            fail("\(error)")
        }
    }
}
