// tcpdump: shows what goes over the wire, a line for each packet.

import NetStack
import Storage
import SystemInterface
import UserLibrary

@main enum TCPDump: Program {
    static let usage: StaticString = """
        usage: tcpdump [-enqx] [-c count] [-i interface] [-w file] [filter]
        Prints every packet that comes or goes, until ^C.
          -c count      end after so many packets
          -e            show the Ethernet header, too
          -i interface  only this one's packets
          -n            does nothing: names are never looked up
          -q            say nothing at the end
          -w file       write a capture file (pcap) that tcpdump and Wireshark read, instead of lines
          -x            show the bytes, too
        A filter is made of: arp, ip, ip6, icmp, udp, host ADDRESS, net ADDRESS/LENGTH, port NUMBER, joined by and, or, not,
        with ( and ) if need be. src or dst before host, net and port means that side only.
        Lines begin with the time since the machine started. On a checksum the card has yet to make, "bad udp cksum" is not said.
        """
    static let options: StaticString? = "c:ei:nqw:x"

    struct Settings {
        var count = Int.max
        var interface: UInt8?
        var showsEthernet = false
        var showsBytes = false
        var isQuiet = false
        var file: Path?
    }

    static func run(_ arguments: UserLibrary.Arguments) -> Int32 {
        var settings = Settings()
        settings.count = arguments.number("c", in: 1...Int.max) ?? Int.max
        settings.showsEthernet = arguments.has("e")
        settings.showsBytes = arguments.has("x")
        settings.isQuiet = arguments.has("q")
        settings.file = arguments.value("w").map { Path($0) }
        guard let filter = Filter(arguments) else { arguments.refuse("the filter is malformed") }
        do throws(SystemError) {
            let interfaces = try allInterfaces()
            if let name = arguments.value("i") {
                guard let interface = interfaces.named(name) else { fail("\(name): no such interface") }
                settings.interface = UInt8(truncatingIfNeeded: interface.number)
            }
            return try watch(settings, filter)
        } catch {
            fail("\(error)")
        }
    }

    private static func watch(_ settings: Settings, _ filter: Filter) throws(SystemError) -> Int32 {
        let socket = try System.socket(.capture)
        var file: CaptureFile?
        if let path = settings.file { file = try CaptureFile(path) }
        var buffer = [UInt8](repeating: 0, count: 2048)
        var seen = 0
        while seen < settings.count {
            let count = try readPiece(socket, into: &buffer)
            guard count >= CaptureHeader.byteCount else { continue }
            let bytes = buffer.span.rawBytes.extracting(0..<count)
            guard let header = CaptureHeader(parsing: bytes) else { continue }
            if let interface = settings.interface, interface != header.interface.rawValue { continue }
            let frame = bytes.extracting(CaptureHeader.byteCount..<count)
            guard filter.matches(frame) else { continue }
            seen += 1
            if file != nil {
                try file?.write(frame, header)
                continue
            }
            var line = Text()
            line.append(header.time.nanoseconds / 1_000_000_000, width: 5)
            line.append(".")
            line.append(header.time.nanoseconds % 1_000_000_000 / 1000, width: 6, zeros: true)
            print("\(line) \(describe(frame, isWholeWire: settings.showsEthernet))")
            if settings.showsBytes { printBytes(frame) }
        }
        if !settings.isQuiet { complain("\(seen) packets") }
        return 0
    }

    /// Sixteen a line, in hexadecimal and as characters.
    private static func printBytes(_ frame: RawSpan) {
        var at = 0
        while at < frame.byteCount {
            var line: Text = "        0x\(hex: UInt64(at), digits: 4): "
            for i in 0..<16 {
                if i % 2 == 0 { line.bytes.append(32) }
                if at + i < frame.byteCount {
                    line.append(hex: UInt64(frame.byte(at + i)), digits: 2)
                } else {
                    line.append("  ")
                }
            }
            line.append("  ")
            for i in at..<min(at + 16, frame.byteCount) {
                let byte = frame.byte(i)
                line.bytes.append(byte >= 0x20 && byte < 0x7f ? byte : 46)
            }
            print(line)
            at += 16
        }
    }
}
