// Reading capture files (pcap) of either byte order, with microseconds or nanoseconds.
//
// Promise: lengths in the file are checked against what is there, and against a bound.

import SystemInterface
import UserLibrary

struct CaptureReader {
    struct Record {
        var time: UInt64
        var frameCount: Int
        var bytes: [UInt8]
    }

    private let file: FileDescriptor
    private var isBigEndian = false
    private var nanosecondsPerUnit: UInt64 = 1
    /// The file ended within a record, or a length cannot be.
    private(set) var isDamaged = false
    private static let limit = 262_144

    /// - Throws: invalidArgument for a file that is no capture of Ethernet frames.
    init(_ path: Path) throws(SystemError) {
        file = try System.open(path)
        guard let head = try Self.read(file, 24) else { throw .invalidArgument }
        let magic = Self.word(head, 0, isBigEndian: true)
        switch magic {
        case 0xa1b2_c3d4: (isBigEndian, nanosecondsPerUnit) = (true, 1000)
        case 0xa1b2_3c4d: isBigEndian = true
        case 0xd4c3_b2a1: nanosecondsPerUnit = 1000
        case 0x4d3c_b2a1: break
        default: throw .invalidArgument
        }
        guard Self.word(head, 20, isBigEndian: isBigEndian) & 0xffff == 1 else { throw .invalidArgument }
    }

    /// The next frame; nil at the end.
    mutating func next() throws(SystemError) -> Record? {
        guard let head = try Self.read(file, 16) else { return nil }
        let count = Int(word(head, 8))
        guard count <= Self.limit, let bytes = count == 0 ? [] : try Self.read(file, count) else {
            isDamaged = true
            return nil
        }
        let time = UInt64(word(head, 0)) * 1_000_000_000 + UInt64(word(head, 4)) * nanosecondsPerUnit
        return Record(time: time, frameCount: Int(word(head, 12)), bytes: bytes)
    }

    private func word(_ bytes: [UInt8], _ at: Int) -> UInt32 { Self.word(bytes, at, isBigEndian: isBigEndian) }

    private static func word(_ bytes: [UInt8], _ at: Int, isBigEndian: Bool) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * (isBigEndian ? 3 - $1 : $1)) }
    }

    /// So many bytes; nil when there are fewer.
    private static func read(_ file: FileDescriptor, _ count: Int) throws(SystemError) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var piece = [UInt8](repeating: 0, count: count - bytes.count)
            let taken = try readPiece(file, into: &piece)
            guard taken > 0 else { return nil }
            bytes += piece[0..<taken]
        }
        return bytes
    }
}
