// ping: asks a host whether it is there (ICMP echo, RFC 792).

import SystemInterface
import UserLibrary

@main enum Ping: Program {
    static let usage: StaticString = """
        usage: ping [-f] [-c count] [-i seconds] [-s size] [-W seconds] host
        Sends ICMP echo requests to a host, by address or name, and prints the replies. Exit status 0 if anything came back.
          -f           flood: the next request as soon as a reply came; prints a dot for each, and takes it back when answered
          -c count     stop after so many requests (else until killed)
          -i seconds   between two requests; 1 if not given, 0.001 is allowed
          -s size      bytes of payload, 56 if not given
          -W seconds   how long to wait for a reply; 1 if not given
        """
    static let options: StaticString? = "fc:i:s:W:"

    static func run(_ arguments: Arguments) -> Int32 {
        let floods = arguments.has("f")
        let count = arguments.number("c", in: 1...Int.max) ?? Int.max
        let size = arguments.number("s", in: 0...65507) ?? 56
        let interval = arguments.nanoseconds("i") ?? (floods ? 0 : 1_000_000_000)
        let milliseconds = arguments.milliseconds("W") ?? 1000
        guard arguments.count == 1 else { arguments.refuse("one host is needed") }
        let address = addressOrEnd(arguments[0])
        print("PING \(arguments[0]) (\(address: address)): \(size) data bytes")
        return ping(address, count: count, interval: interval, size: size, milliseconds: milliseconds, floods: floods)
    }

    private static func ping(
        _ address: NetworkAddress, count: Int, interval: UInt64, size: Int, milliseconds: Int32, floods: Bool
    ) -> Int32 {
        var times = Statistics()
        var sent = 0
        while sent < count {
            let start = System.clock
            sent += 1
            if floods { standardOutput.write(".") }
            do throws(SystemError) {
                let reply = try System.ping(address, payload: Int32(size), milliseconds: milliseconds)
                times.add(reply.roundTripNanoseconds)
                if floods {
                    standardOutput.write("\u{8} \u{8}")
                } else {
                    print(
                        "\(reply.bytes) bytes from \(address: address): icmp_seq=\(reply.sequence) ttl=\(reply.timeToLive) time=\(milliseconds: reply.roundTripNanoseconds) ms"
                    )
                }
            } catch .timedOut {
                if !floods { print("no answer yet for icmp_seq=\(sent)") }
            } catch .hostUnreachable {
                if !floods { print("from \(address: address): icmp_seq=\(sent) host unreachable") }
            } catch {
                complain("\(address: address): \(error)")
                if error != .noBufferSpace { break }
            }
            let passed = System.clock - start
            if sent < count, passed < interval {
                do throws(SystemError) { try System.sleep(nanoseconds: interval - passed) } catch { break }
            }
        }
        let lost = (sent - times.count) * 100 / max(sent, 1)
        print("\n--- \(address: address) ping statistics ---")
        print("\(sent) packets transmitted, \(times.count) received, \(lost)% packet loss")
        if times.count > 0 {
            print(
                "rtt min/avg/max/mdev = \(milliseconds: times.least)/\(milliseconds: times.average)/\(milliseconds: times.greatest)/\(milliseconds: times.deviation) ms"
            )
        }
        return times.count > 0 ? 0 : 1
    }
}

/// Round-trip times in nanoseconds, summed up.
struct Statistics {
    private(set) var count = 0
    private(set) var least = UInt64.max
    private(set) var greatest: UInt64 = 0
    private var sum: UInt64 = 0
    /// Of squares of microseconds: it does not overflow within a lifetime of pings.
    private var squares: UInt64 = 0

    mutating func add(_ time: UInt64) {
        count += 1
        least = min(least, time)
        greatest = max(greatest, time)
        sum += time
        let microseconds = time / 1000
        squares += microseconds * microseconds
    }

    var average: UInt64 { sum / UInt64(max(count, 1)) }

    /// The root of the mean squared distance from the average.
    var deviation: UInt64 {
        let mean = average / 1000
        let meanOfSquares = squares / UInt64(max(count, 1))
        let variance = meanOfSquares > mean * mean ? meanOfSquares - mean * mean : 0
        return squareRoot(variance) * 1000
    }

    private func squareRoot(_ value: UInt64) -> UInt64 {
        var root: UInt64 = 0
        var bit: UInt64 = 1 << 31
        while bit > 0 {
            if (root + bit) * (root + bit) <= value { root += bit }
            bit >>= 1
        }
        return root
    }
}
