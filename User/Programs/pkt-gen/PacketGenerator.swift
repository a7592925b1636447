// pkt-gen: frames through packet rings, as fast as the card goes, or counted as they come. Options and output are those
// of netmap's pkt-gen.

import SystemInterface
import UserLibrary

@main enum PacketGenerator: Program {
    static let usage: StaticString = """
        usage: pkt-gen -i interface [-f tx|rx|ping|pong] [-l length] [-n count] [-R rate] [-b batch] [-s address[:port]]
                       [-d address[:port]] [-S mac] [-D mac]
        Takes an interface's card, or one end of a pipe of packets, and sends or receives frames through its packet rings; prints the
        rate each second, and totals at the end. ^C ends it. Meanwhile the machine's own stack has no such card.
          -i interface        vt0 and so on, or pipe:NAME, of which another program opens the other end
          -f tx|rx|ping|pong  send (if not given), receive, send and measure until the answer comes, answer
          -l length           bytes of a frame, its Ethernet header included, 42 to 1514; 60 if not given
          -n count            stop after so many frames; 0, and if not given: go on
          -R rate             frames a second at most, such as 50k; as many as there is room for if not given
          -b batch            frames between two calls, 1 to 512; 64 if not given
          -s, -d              addresses and ports of the datagrams in the frames; 10.0.0.1:1234 and 10.1.0.1:1234 if not given
          -S, -D              Ethernet addresses; the card's, and ff:ff:ff:ff:ff:ff, if not given
        """
    static let options: StaticString? = "i:f:l:n:R:b:s:d:S:D:"

    static func run(_ arguments: Arguments) -> Int32 {
        arguments.expectNone()
        guard let name = arguments.value("i") else { arguments.refuse("-i is needed: ifconfig lists interfaces") }
        let role = arguments.value("f") ?? "tx"
        guard role == "tx" || role == "rx" || role == "ping" || role == "pong" else {
            arguments.refuse("-f \(role): tx, rx, ping or pong")
        }
        var settings = Settings()
        settings.length = arguments.number("l", in: Template.headerCount...1514) ?? 60
        settings.count = arguments.number("n", in: 0...Int.max).map { $0 == 0 ? Int.max : $0 } ?? Int.max
        settings.batch = arguments.number("b", in: 1...PacketRingLayout.mostSlots) ?? 64
        if let rate = arguments.value("R") {
            guard let number = rate.scaled, number > 0 else { arguments.refuse("-R \(rate): not a number of frames") }
            settings.rate = number
        }
        var template = Template()
        template.source = endpoint(arguments, "s", template.source)
        template.destination = endpoint(arguments, "d", template.destination)
        let source = hardware(arguments, "S")
        if let destination = hardware(arguments, "D") { template.hardwareDestination = destination }
        Interrupts.handle(.tells)
        do throws(SystemError) {
            let port = try PacketPort(name)
            guard settings.length <= port.frameLimit else {
                fail("-l \(settings.length): \(name) takes \(port.frameLimit) bytes at most")
            }
            template.hardwareSource = source ?? port.hardware
            try run(role, name, settings, template, port)
            return 0
        } catch {
            PacketPort.fail(name, error)
        }
    }

    private static func run(
        _ role: CString, _ name: CString, _ settings: Settings, _ template: Template, _ port: PacketPort
    ) throws(SystemError) {
        if role == "rx" || role == "pong" {
            print("Receiving on \(name): ^C ends it")
        } else {
            print("Sending on \(name): \(settings.length) bytes, \(settings.batch) frames a call")
            print("\(template.text)")
        }
        standardOutput.flush()
        if role == "tx" {
            var sender = Sender(settings, template, port)
            try sender.run()
        } else if role == "ping" {
            var pinger = Pinger(settings, template, port)
            try pinger.run()
        } else {
            var receiver = Receiver(settings, port, answers: role == "pong")
            try receiver.run()
        }
    }

    private static func endpoint(
        _ arguments: Arguments, _ letter: Unicode.Scalar, _ standard: SocketAddress
    ) -> SocketAddress {
        guard let word = arguments.value(letter) else { return standard }
        var scanner = Scanner(word)
        guard let address = scanner.address() else { arguments.refuse("\(word): not an address such as 10.0.0.1:1234") }
        if scanner.isAtEnd { return SocketAddress(address, port: standard.port) }
        guard scanner.take(":"), let port = scanner.number(below: 65536), scanner.isAtEnd else {
            arguments.refuse("\(word): not an address such as 10.0.0.1:1234")
        }
        return SocketAddress(address, port: UInt16(port))
    }

    private static func hardware(_ arguments: Arguments, _ letter: Unicode.Scalar) -> UInt64? {
        guard let word = arguments.value(letter) else { return nil }
        guard let address = parseEthernetAddress(word) else {
            arguments.refuse("\(word): not an Ethernet address such as 52:54:00:12:34:56")
        }
        return address
    }
}

struct Settings {
    /// Bytes of a frame.
    var length = 60
    var count = Int.max
    /// Frames between two calls.
    var batch = 64
    /// Frames a second at most; 0: no limit.
    var rate: UInt64 = 0
}
