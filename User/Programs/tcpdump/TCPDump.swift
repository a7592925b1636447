// tcpdump: shows what goes over the wire, a line for each packet.

import NetStack
import Storage
import SystemInterface
import UserLibrary

@main enum TCPDump: Program {
    static let usage: StaticString = """
        usage: tcpdump [-enqSvx] [-c count] [-i interface | -r file] [-w file] [filter]
        Prints every packet that comes or goes, until ^C.
          -c count      end after so many packets
          -e            show the Ethernet header, too
          -i interface  only this one's packets
          -n            does nothing: names are never looked up
          -q            say nothing at the end
          -r file       read a capture file (pcap) instead of the wire
          -S            numbers of TCP as they are; without it, what was sent since the connection began
          -v            show the fields of the IP header, too
          -w file       write a capture file (pcap) that tcpdump and Wireshark read, instead of lines
          -x            show the bytes, too
        A filter is made of: arp, ip, ip6, icmp, udp, tcp, syn, fin, rst (TCP with that flag), host ADDRESS,
        net ADDRESS/LENGTH, port NUMBER, joined by and, or, not, with ( and ) if need be. src or dst before host, net and port means that side only.
        Lines begin with the time since the machine started, or that of the file. A wrong checksum of UDP, TCP, ICMP or IGMP is
        said, but for one that the card has yet to make (in a file such frames cannot be told from others).
        """
    static let options: StaticString? = "c:ei:nqr:Svw:x"

    struct Settings {
        var count = Int.max
        var interface: UInt8?
        var style = Style()
        var showsBytes = false
        var isQuiet = false
        var file: Path?
    }

    static func run(_ arguments: UserLibrary.Arguments) -> Int32 {
        var settings = Settings()
        settings.count = arguments.number("c", in: 1...Int.max) ?? Int.max
        settings.style.showsEthernet = arguments.has("e")
        settings.style.isVerbose = arguments.has("v")
        if arguments.has("S") { settings.style.conversations = nil }
        settings.showsBytes = arguments.has("x")
        settings.isQuiet = arguments.has("q")
        settings.file = arguments.value("w").map { Path($0) }
        guard let filter = Filter(arguments) else { arguments.refuse("the filter is malformed") }
        do throws(SystemError) {
            if let path = arguments.value("r") {
                guard arguments.value("i") == nil else { arguments.refuse("-r and -i exclude each other") }
                return try readFile(path, settings, filter)
            }
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

    private static func watch(_ given: Settings, _ filter: Filter) throws(SystemError) -> Int32 {
        var settings = given
        let socket = try System.socket(.capture)
        try System.set(.nonBlocking, of: socket, to: 1)
        Interrupts.handle(.tells)
        var file: CaptureFile?
        if let path = settings.file { file = try CaptureFile(path) }
        var buffer = [UInt8](repeating: 0, count: 2048)
        var (seen, taken) = (0, 0)
        while seen < settings.count {
            // Where packets come without a pause nothing waits, and ^C is asked for now and then.
            taken &+= 1
            if taken & 63 == 0, Interrupts.came() { break }
            guard let count = try next(socket, &buffer, &file) else { break }
            guard count >= CaptureHeader.byteCount else { continue }
            let bytes = buffer.span.rawBytes.extracting(0..<count)
            guard let header = CaptureHeader(parsing: bytes) else { continue }
            if let interface = settings.interface, interface != header.interface.rawValue { continue }
            let frame = bytes.extracting(CaptureHeader.byteCount..<count)
            guard filter.matches(frame) else { continue }
            seen += 1
            // What this machine sends may have checksums that the card makes, or that the loopback leaves out.
            settings.style.verifies = !header.isOutgoing && !header.interface.isLoopback
            if file != nil { try file?.write(frame, header) } else { show(frame, header.time.nanoseconds, settings) }
        }
        try file?.flush()
        if !settings.isQuiet {
            let loss: Text = dropped().map { ", \($0) dropped" } ?? ""
            complain("\(seen) packets captured\(loss)")
        }
        return 0
    }

    /// Takes the next frame and returns how many bytes it has; nil when a ^C came. Before it waits, what was gathered is
    /// written.
    private static func next(
        _ socket: FileDescriptor, _ buffer: inout [UInt8], _ file: inout CaptureFile?
    ) throws(SystemError) -> Int? {
        while true {
            do throws(SystemError) {
                return try readPiece(socket, into: &buffer)
            } catch .tryAgain {
                try file?.flush()
                standardOutput.flush()
                // A ^C that came while a line was printed interrupts nothing any more.
                if Interrupts.came() { return nil }
                var entries = [PollEntry(descriptor: socket.rawValue)]
                do throws(SystemError) { _ = try System.poll(&entries, milliseconds: -1) } catch .interrupted {}
            } catch .interrupted {}
            if Interrupts.came() { return nil }
        }
    }

    /// Frames that found the capture socket's queue full; nil when there are several such sockets: the kernel's table does
    /// not say whose they are.
    private static func dropped() -> UInt64? {
        var (sockets, frames) = (0, UInt64(0))
        do throws(SystemError) {
            try System.forEach(.sockets, SocketStatus(kind: .datagram, queued: 0)) { socket in
                guard socket.kind == .capture else { return }
                sockets += 1
                frames += socket.dropped
            }
        } catch { return nil }
        return sockets == 1 ? frames : nil
    }

    private static func readFile(
        _ path: CString, _ settings: Settings, _ filter: Filter
    ) throws(SystemError) -> Int32 {
        var reader: CaptureReader
        do throws(SystemError) {
            reader = try CaptureReader(Path(path))
        } catch {
            fail("\(path): \(error == .invalidArgument ? "no capture file of Ethernet frames" : error.message)")
        }
        var file: CaptureFile?
        if let output = settings.file { file = try CaptureFile(output) }
        var seen = 0
        while seen < settings.count, let record = try reader.next() {
            let frame = record.bytes.span.rawBytes
            guard filter.matches(frame) else { continue }
            seen += 1
            if file != nil {
                try file?.write(frame, time: record.time, frameCount: record.frameCount)
            } else {
                show(frame, record.time, settings)
            }
        }
        try file?.flush()
        if reader.isDamaged { fail("\(path): the file ends within a frame") }
        if !settings.isQuiet { complain("\(seen) packets") }
        return 0
    }

    private static func show(_ frame: RawSpan, _ time: UInt64, _ settings: Settings) {
        var line = Text()
        line.append(time / 1_000_000_000, width: 5)
        line.append(".")
        line.append(time % 1_000_000_000 / 1000, width: 6, zeros: true)
        print("\(line) \(describe(frame, settings.style))")
        if settings.showsBytes { printBytes(frame) }
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
