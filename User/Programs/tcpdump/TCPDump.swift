// tcpdump: shows what goes over the wire, a line for each packet.

import NetStack
import SystemInterface
import UserLibrary

@main enum TCPDump: Program {
    static let usage: StaticString = """
        usage: tcpdump [-enqx] [-c count] [-i interface] [-w file] [filter]
        Prints every packet that comes or goes, until ^C.
          -c count      end after so many packets
          -e            show the Ethernet header, too
          -i interface  only this one's packets
          -q            say nothing at the end
          -w file       write a capture file (pcap) that tcpdump and Wireshark read, instead of lines
          -x            show the bytes, too
        A filter is made of: arp, ip, ip6, icmp, udp, host ADDRESS, net ADDRESS/LENGTH, port NUMBER, joined by and, or, not,
        with ( and ) if need be. src or dst before host, net and port means that side only.
        Lines begin with the time since the machine started. On a checksum the card has yet to make, "bad udp cksum" is not said.
        """

    struct Settings {
        var count = Int.max
        var interface: UInt8?
        var showsEthernet = false
        var showsBytes = false
        var isQuiet = false
        var file: CString?
    }

    static func run(_ arguments: UserLibrary.Arguments) -> Int32 {
        var arguments = arguments
        var settings = Settings()
        var name: CString?
        arguments.takeOptions(usage, withValue: "ciw") { letter, value in
            switch letter {
            case UInt8(ascii: "c"):
                guard let number = value.number, number > 0 else { return false }
                settings.count = number
            case UInt8(ascii: "e"): settings.showsEthernet = true
            case UInt8(ascii: "i"): name = value
            case UInt8(ascii: "n"): break  // names are never looked up
            case UInt8(ascii: "q"): settings.isQuiet = true
            case UInt8(ascii: "w"): settings.file = value
            case UInt8(ascii: "x"): settings.showsBytes = true
            default: return false
            }
            return true
        }
        guard let filter = Filter(arguments) else { UserLibrary.Arguments.refuse("the filter makes no sense", usage) }
        do throws(SystemError) {
            let interfaces = try allInterfaces()
            if let name {
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
            var count = 0
            var failure: SystemError?
            buffer.withUnsafeMutableBytes { bytes in
                do throws(SystemError) { count = try System.read(socket, bytes) } catch { failure = error }
            }
            if let failure { throw failure }
            guard count >= CaptureHeader.byteCount else { continue }
            let bytes = buffer.span.bytes.extracting(0..<count)
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
