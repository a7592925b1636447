// The capture file that tcpdump, tshark and Wireshark read: pcap with nanoseconds, link type Ethernet.

import NetStack
import SystemInterface
import UserLibrary

struct CaptureFile {
    private let file: FileDescriptor
    /// What has to be added to the time since boot to get the time of day; 0 if the machine does not know that.
    private let boot: UInt64
    /// Records that are yet to be written: a write for each packet is slower than packets come.
    private var gathered: [UInt8] = []
    private static var most: Int { 32 * 1024 }
    private static var magic: UInt32 { 0xa1b2_3c4d }
    private static var ethernet: UInt32 { 1 }

    init(_ path: Path) throws(SystemError) {
        file = try System.open(path, [.writeOnly, .create, .truncate])
        var offset: UInt64 = 0
        do throws(SystemError) {
            let now = try System.wallClock()
            offset = now - min(now, System.clock)  // a clock that was never set begins in 1970, too
        } catch {}
        boot = offset
        var head: [UInt8] = []
        Self.append(Self.magic, to: &head)
        Self.append(2 | 4 << 16, to: &head)
        Self.append(0, to: &head)
        Self.append(0, to: &head)
        Self.append(65535, to: &head)
        Self.append(Self.ethernet, to: &head)
        try writePiece(file, head, count: head.count)
    }

    mutating func write(_ frame: RawSpan, _ header: CaptureHeader) throws(SystemError) {
        try write(frame, time: boot + header.time.nanoseconds, frameCount: header.frameCount)
    }

    /// - Parameter time: nanoseconds since 1970.
    mutating func write(_ frame: RawSpan, time: UInt64, frameCount: Int) throws(SystemError) {
        Self.append(UInt32(truncatingIfNeeded: time / 1_000_000_000), to: &gathered)
        Self.append(UInt32(time % 1_000_000_000), to: &gathered)
        Self.append(UInt32(frame.byteCount), to: &gathered)
        Self.append(UInt32(truncatingIfNeeded: frameCount), to: &gathered)
        unsafe frame.withUnsafeBytes { unsafe gathered.append(contentsOf: $0) }  // the span's own bytes
        if gathered.count >= Self.most { try flush() }
    }

    /// Writes what was gathered.
    mutating func flush() throws(SystemError) {
        guard !gathered.isEmpty else { return }
        try writePiece(file, gathered, count: gathered.count)
        gathered.removeAll(keepingCapacity: true)
    }

    private static func append(_ value: UInt32, to bytes: inout [UInt8]) {
        for shift in stride(from: UInt32(0), to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }
}
