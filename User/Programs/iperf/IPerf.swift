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

    struct Settings {
        var rate: UInt64 = 1_000_000
        var time: UInt64 = 10_000_000_000
        var length = 1470
        var port: UInt16 = 5001
        var onlyOne = false
    }

    static func run(_ arguments: Arguments) -> Int32 {
        var arguments = arguments
        var settings = Settings()
        var (isUDP, serves) = (false, false)
        var host: CString?
        arguments.takeOptions(usage, withValue: "cbtlp") { letter, value in
            switch letter {
            case UInt8(ascii: "u"): isUDP = true
            case UInt8(ascii: "s"): serves = true
            case UInt8(ascii: "1"): settings.onlyOne = true
            case UInt8(ascii: "c"): host = value
            case UInt8(ascii: "b"):
                guard let rate = value.scaled, rate > 0 else { return false }
                settings.rate = rate
            case UInt8(ascii: "t"):
                guard let time = value.nanoseconds, time > 0 else { return false }
                settings.time = time
            case UInt8(ascii: "l"):
                guard let length = value.number, length >= Datagram.leastCount, length <= 65507 else { return false }
                settings.length = length
            case UInt8(ascii: "p"):
                guard let port = value.number, port > 0, port <= 65535 else { return false }
                settings.port = UInt16(port)
            default: return false
            }
            return true
        }
        guard isUDP else { Arguments.refuse("only -u is there yet", usage) }
        guard arguments.count == 0, serves != (host != nil) else { Arguments.refuse("one of -s and -c is wanted", usage) }
        do throws(SystemError) {
            if let host {
                return try Client(settings, to: addressOrEnd(host)).run()
            }
            var server = Server(settings)
            return try server.run()
        } catch .connectionRefused {
            fail("nobody listens on port \(settings.port) there; start iperf -s -u first")
        } catch {
            fail("\(error)")
        }
    }
}
