// iperf: how much UDP gets through between two machines. Speaks with iperf 2 on the other side.

import SystemInterface
import UserLibrary

@main enum IPerf: Program {
    static let usage: StaticString = """
        usage: iperf -u -c host [-b rate] [-t seconds] [-l bytes] [-p port]
               iperf -u -s [-1] [-p port]
        Sends UDP datagrams at a rate (-c), or receives them (-s) and reports throughput, jitter, loss and reordering, also to
        the sender. Works with iperf 2 (not 3) on other systems.
          -b rate     bits a second, with k, m or g; 1m if not given
          -t seconds  how long to send; 10 if not given
          -l bytes    payload of a datagram; 1470 if not given
          -p port     5001 if not given
          -1          end after one client
        The exit status of a client is 0 when the server reported.
        """
    static let options: StaticString? = "usc:b:t:l:p:1"
    static let takesOptionsAnywhere = true

    /// A hundred days in nanoseconds: 1024 times that is a number of 64 bits (Client.swift).
    private static let longest: UInt64 = 100 * 86_400 * 1_000_000_000

    struct Settings {
        var rate: UInt64 = 1_000_000
        var time: UInt64 = 10_000_000_000
        var length = 1470
        var port: UInt16 = 5001
        var onlyOne = false
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
        settings.length = arguments.number("l", in: Datagram.leastCount...65507) ?? settings.length
        settings.port = arguments.number("p", in: 1...65535).map { UInt16($0) } ?? settings.port
        let (serves, host) = (arguments.has("s"), arguments.value("c"))
        guard arguments.has("u") else { arguments.refuse("-u is needed: UDP is the only protocol so far") }
        guard arguments.count == 0, serves != (host != nil) else { arguments.refuse("either -s or -c is needed") }
        do throws(SystemError) {
            if let host {
                return try Client(settings, to: addressOrEnd(host)).run()
            }
            var server = Server(settings)
            return try server.run()
        } catch .connectionRefused {
            fail("no program listens on port \(settings.port) there; start iperf -s -u first")
        } catch {
            fail("\(error)")
        }
    }
}
