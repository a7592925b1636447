// ntpdate: asks a time server what time it is (SNTP, RFC 4330), and the offset of the machine's clock.

import SystemInterface
import UserLibrary

@main enum NTPDate: Program {
    static let usage: StaticString = """
        usage: ntpdate [-W seconds] [server]
        Asks an NTP server for the time and prints it, the offset of this machine's clock, and the delay. The clock of the machine
        (its RTC) is not changed: it belongs to the host. Without a server the one that the DHCP lease names is asked.
          -W seconds  wait so long for the answer (3), three times
        """
    static let options: StaticString? = "W:"
    static let takesOptionsAnywhere = true
    private static let port: UInt16 = 123
    private static let messageCount = 48
    /// Seconds from 1900, where NTP begins, to 1970.
    private static let epoch: UInt64 = 2_208_988_800

    static func run(_ arguments: Arguments) -> Int32 {
        let wait = arguments.milliseconds("W") ?? 3000
        guard arguments.count <= 1 else { arguments.refuse("one server is enough") }
        let server = arguments.count == 1 ? addressOrEnd(arguments[0]) : leaseServer()
        do throws(SystemError) {
            let socket = try System.socket()
            try System.connect(socket, to: SocketAddress(server, port: port))
            for _ in 0..<3 {
                if try ask(socket, server, wait: wait) { return 0 }
            }
            fail("\(address: server): no answer")
        } catch .connectionRefused {
            fail("\(address: server): no time server there")
        } catch .noSuchDevice {
            fail("this machine has no clock to compare with")
        } catch {
            fail("\(address: server): \(error)")
        }
    }

    /// The first time server that a lease names.
    private static func leaseServer() -> NetworkAddress {
        do throws(SystemError) {
            for interface in try allInterfaces() where !interface.flags.contains(.loopback) {
                let lease = try System.lease(Int32(interface.number))
                if lease.timeServerCount > 0 { return lease.timeServer(0) }
            }
        } catch {
            fail("\(error)")
        }
        fail("no lease names a time server: one is needed")
    }

    /// True when the server answered; false when it did not in time.
    private static func ask(
        _ socket: FileDescriptor, _ server: NetworkAddress, wait: Int32
    ) throws(SystemError) -> Bool {
        var message = [UInt8](repeating: 0, count: messageCount)
        message[0] = 0x23  // version 4, client
        let sent = try System.wallClock()
        let stamp = timestamp(sent)
        for i in 0..<8 { message[40 + i] = UInt8(truncatingIfNeeded: stamp >> UInt64(56 - 8 * i)) }
        try System.send(socket, message.span)
        guard try receive(socket, into: &message, answering: stamp, milliseconds: wait) else { return false }
        let arrived = try System.wallClock()
        func word(_ at: Int) -> UInt64 { Self.word(message, at) }
        if message[1] == 0 { fail("\(address: server): the server refuses to tell the time (\(code(message)))") }
        guard message[0] >> 6 != 3, message[1] < 16, word(32) != 0, word(40) != 0 else {
            fail("\(address: server): the server does not know the time: its clock is not synchronised")
        }
        let (received, transmitted) = (nanoseconds(word(32)), nanoseconds(word(40)))
        // Halves are added: the server's times may be as far away as numbers go.
        let offset = (received - Int64(sent)) / 2 + (transmitted - Int64(arrived)) / 2
        let delay = Int64(arrived) - Int64(sent) - (transmitted - received)
        let sign: StaticString = offset < 0 ? "-" : "+"
        print(
            "server \(address: server), stratum \(message[1]), offset \(sign)\(milliseconds: offset.magnitude) ms, delay \(milliseconds: delay.magnitude) ms"
        )
        print(dateText(UInt64(max(0, transmitted)) / 1_000_000_000))
        return true
    }

    /// Waits for the answer to the question that has this timestamp (mode 4; RFC 4330, 5); false when it does not come
    /// in time. Anything else is passed over: a late answer to an earlier question, or a forged one.
    private static func receive(
        _ socket: FileDescriptor, into message: inout [UInt8], answering stamp: UInt64, milliseconds: Int32
    ) throws(SystemError) -> Bool {
        let end = System.clock + UInt64(milliseconds) * 1_000_000
        while true {
            let now = System.clock
            guard now < end else { return false }
            try System.set(.receiveTimeout, of: socket, to: Int32(max(1, (end - now) / 1_000_000)))
            do throws(SystemError) {
                let count = try System.receive(socket, into: &message).count
                if count >= messageCount, message[0] & 7 == 4, word(message, 24) == stamp { return true }
            } catch .timedOut {
                return false
            }
        }
    }

    private static func word(_ message: [UInt8], _ at: Int) -> UInt64 {
        (0..<8).reduce(0) { $0 << 8 | UInt64(message[at + $1]) }
    }

    /// The "kiss code" of a server that refuses (RFC 4330, 8): four letters, shown only if they are letters.
    private static func code(_ message: [UInt8]) -> Text {
        var text = Text()
        for byte in message[12..<16] { text.bytes.append(byte >= 0x41 && byte <= 0x5a ? byte : 0x3f) }
        return text
    }

    /// Nanoseconds since 1970 as an NTP timestamp: seconds since 1900 and a binary fraction.
    private static func timestamp(_ nanoseconds: UInt64) -> UInt64 {
        let seconds = nanoseconds / 1_000_000_000 + epoch
        return seconds << 32 | ((nanoseconds % 1_000_000_000) << 32) / 1_000_000_000
    }

    /// An NTP timestamp as nanoseconds since 1970. Times before 1968 are after 2036 (RFC 4330, 3).
    private static func nanoseconds(_ timestamp: UInt64) -> Int64 {
        let seconds = timestamp >> 32 + (timestamp >> 63 == 0 ? 1 << 32 : 0)
        let fraction = ((timestamp & 0xffff_ffff) * 1_000_000_000) >> 32
        return (Int64(seconds) - Int64(epoch)) * 1_000_000_000 + Int64(fraction)
    }
}
