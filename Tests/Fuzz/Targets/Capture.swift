// The receive path's input is a capture file (classic pcap, little-endian, as QEMU's filter-dump and tcpdump write it):
// real captures are seeds as they are, and whatever is found opens in a protocol analyser. Nothing of it is believed:
// lengths are cut to what is there.

struct CapturedFrame {
    /// What the bits of the original length beyond any real frame's are for: a fuzzer's wishes. Zero in real captures.
    struct Options: OptionSet {
        let rawValue: UInt8
        /// Checksums stay as they are; else they are made right, or no damaged input would get past them.
        static let keepsChecksums = Options(rawValue: 1)
        /// Identifiers stay as they are; else a reply fits what was asked last.
        static let keepsIdentifiers = Options(rawValue: 2)
        /// The other of the two interfaces.
        static let otherInterface = Options(rawValue: 4)
    }

    var bytes: [UInt8]
    let options: Options
    /// Nanoseconds.
    let time: UInt64
}

struct Capture {
    private static let headerCount = 24
    private static let recordHeaderCount = 16
    /// No frame is longer than what a packet takes.
    private static let frameLimit = 1900

    private let input: [UInt8]
    private var at = Capture.headerCount

    init(_ input: [UInt8]) { self.input = input }

    private func le32(_ offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(input[offset + $1]) << UInt32(8 * $1) }
    }

    mutating func next() -> CapturedFrame? {
        guard at + Self.recordHeaderCount <= input.count else { return nil }
        let time = UInt64(le32(at)) * 1_000_000_000 + UInt64(le32(at + 4)) * 1000
        let wanted = Int(le32(at + 8)), original = le32(at + 12)
        at += Self.recordHeaderCount
        let count = min(wanted, input.count - at, Self.frameLimit)
        defer { at += count }
        return CapturedFrame(
            bytes: Array(input[at..<at + count]), options: .init(rawValue: UInt8(original >> 24)), time: time)
    }
}
