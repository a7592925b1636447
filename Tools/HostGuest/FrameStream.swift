// Frames on a stream, as QEMU's `-netdev stream` has them: each behind its length, 32 bits, big-endian.

import Foundation

/// The receiving end of such a stream, and how frames are sent on it.
public struct FrameStream {
    private var bytes: [UInt8] = []

    public init() {}

    /// Takes what was read; returns the frames that are whole now.
    public mutating func frames(from more: ArraySlice<UInt8>) -> [[UInt8]] {
        bytes += more
        var frames: [[UInt8]] = []
        var start = 0
        while bytes.count - start >= 4 {
            let length = bytes[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
            guard bytes.count - start >= 4 + length else { break }
            frames.append(Array(bytes[start + 4..<start + 4 + length]))
            start += 4 + length
        }
        bytes.removeFirst(start)
        return frames
    }

    /// Reads from a descriptor until its end, and gives each frame to `take`.
    public static func receive(from descriptor: Int32, _ take: ([UInt8]) -> Void) {
        var stream = FrameStream()
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe read(descriptor, &buffer, buffer.count)  // no more than the buffer holds
            guard count > 0 else { return }
            for frame in stream.frames(from: buffer[0..<count]) { take(frame) }
        }
    }

    /// Sends a frame, whole; false when the stream has ended.
    @discardableResult
    public static func send(_ frame: [UInt8], to descriptor: Int32) -> Bool {
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: frame.count >> (24 - 8 * $0)) } + frame
        var sent = 0
        while sent < bytes.count {
            // the bytes that are left
            let count = unsafe bytes.withUnsafeBytes {
                unsafe write(descriptor, $0.baseAddress! + sent, bytes.count - sent)
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }
}
