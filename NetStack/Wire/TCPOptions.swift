// TCP's options: maximum segment size (RFC 9293, 3.7.1), window scale and timestamps (RFC 7323), selective
// acknowledgments (RFC 2018).

/// Bytes that have arrived: from `start` up to `end`.
public struct SACKBlock: Equatable, Sendable {
    public var start: SequenceNumber
    public var end: SequenceNumber
    @inline(__always) public init(_ start: SequenceNumber, _ end: SequenceNumber) {
        self.start = start
        self.end = end
    }
    static let none = SACKBlock(SequenceNumber(0), SequenceNumber(0))
}

/// TSval and TSecr.
public struct TCPTimestamp: Equatable, Sendable {
    public var value: UInt32
    public var echo: UInt32
    @inline(__always) public init(value: UInt32, echo: UInt32) {
        self.value = value
        self.echo = echo
    }
}

public struct TCPOptions: Sendable {
    /// Blocks that fit beside a timestamp: three; without one: four.
    static var blockLimit: Int { 4 }

    /// Of a SYN: the most payload bytes that the sender takes in a segment.
    public var maximumSegmentSize: UInt16?
    /// Of a SYN: the sender's windows are shifted by so much, 14 at most (RFC 7323, 2.3).
    public var windowScale: UInt8?
    /// Of a SYN: the sender understands selective acknowledgments.
    public var allowsSACK = false
    public var timestamp: TCPTimestamp?
    public private(set) var blockCount = 0
    private var blocks = InlineArray<4, SACKBlock>(repeating: .none)

    public init() {}

    /// A block, 0 up to `blockCount`.
    public subscript(block index: Int) -> SACKBlock { index >= 0 && index < blockCount ? blocks[index] : .none }

    /// Adds a block; the fifth is left out.
    public mutating func append(_ block: SACKBlock) {
        guard blockCount < Self.blockLimit else { return }
        blocks[blockCount] = block
        blockCount += 1
    }

    /// Reads the options between the header's first 20 bytes and its end. One whose length is impossible ends them:
    /// those before it count (RFC 9293, 3.1).
    @inline(__always)
    public init(parsing bytes: RawSpan, headerLength: Int) {
        let end = min(headerLength, bytes.byteCount)
        // What nearly every segment has, and nothing else: two bytes of padding and a timestamp.
        if end == 32, bytes.be32(20) == 0x0101_080a {
            timestamp = TCPTimestamp(value: bytes.be32(24), echo: bytes.be32(28))
        } else if end > 20 {
            parse(bytes, to: end)
        }
    }

    @inline(never)
    private mutating func parse(_ bytes: RawSpan, to end: Int) {
        var at = 20
        while at < end {
            let kind = bytes.byte(at)
            if kind == 0 { return }
            if kind == 1 {
                at += 1
                continue
            }
            guard at + 2 <= end else { return }
            let length = Int(bytes.byte(at + 1))
            guard length >= 2, at + length <= end else { return }
            parse(bytes, kind, at, length)
            at += length
        }
    }

    private mutating func parse(_ bytes: RawSpan, _ kind: UInt8, _ at: Int, _ length: Int) {
        switch (kind, length) {
        case (2, 4): maximumSegmentSize = bytes.be16(at + 2)
        case (3, 3): windowScale = min(14, bytes.byte(at + 2))
        case (4, 2): allowsSACK = true
        case (5, _) where length >= 10 && length % 8 == 2:
            for i in 0..<(length - 2) / 8 {
                let start = SequenceNumber(bytes.be32(at + 2 + 8 * i))
                append(SACKBlock(start, SequenceNumber(bytes.be32(at + 6 + 8 * i))))
            }
        case (8, 10): timestamp = TCPTimestamp(value: bytes.be32(at + 2), echo: bytes.be32(at + 6))
        default: break
        }
    }

    /// Bytes that `emit` writes: a multiple of 4, 40 at most.
    public var byteCount: Int {
        var count = 0
        if maximumSegmentSize != nil { count += 4 }
        if windowScale != nil { count += 4 }
        if timestamp != nil { count += 12 } else if allowsSACK { count += 4 }
        if blockCount > 0 { count += 4 + 8 * blockCount }
        return count
    }

    /// Writes the options from a place on, each behind padding that aligns it.
    public func emit(to bytes: inout MutableRawSpan, at start: Int) {
        var at = start
        if let size = maximumSegmentSize {
            bytes.setBE32(0x0204_0000 | UInt32(size), at)
            at += 4
        }
        if let timestamp {
            // "SACK permitted" takes the padding's place.
            bytes.setBE32(allowsSACK ? 0x0402_080a : 0x0101_080a, at)
            bytes.setBE32(timestamp.value, at + 4)
            bytes.setBE32(timestamp.echo, at + 8)
            at += 12
        } else if allowsSACK {
            bytes.setBE32(0x0101_0402, at)
            at += 4
        }
        if let windowScale {
            bytes.setBE32(0x0103_0300 | UInt32(windowScale), at)
            at += 4
        }
        guard blockCount > 0 else { return }
        bytes.setBE32(0x0101_0502 + UInt32(truncatingIfNeeded: 8 * blockCount), at)
        for i in 0..<blockCount {
            bytes.setBE32(blocks[i].start.bits, at + 4 + 8 * i)
            bytes.setBE32(blocks[i].end.bits, at + 8 + 8 * i)
        }
    }
}
