// Copies between the kernel and the running process's memory. The range is checked, a page that is not there yet is
// served like any other fault (also under a lock), and a bad address ends the copy with an error, never with a trap.

import Machine
import SystemInterface

/// An untrusted user-space address.
struct UserAddress {
    let rawValue: UInt

    init(_ rawValue: UInt64) { self.rawValue = UInt(truncatingIfNeeded: rawValue) }
    private init(_ rawValue: UInt) { self.rawValue = rawValue }

    static func + (address: UserAddress, offset: Int) -> UserAddress {
        UserAddress(address.rawValue &+ UInt(bitPattern: offset))
    }

    /// How many of `count` bytes from here lie below the user limit.
    private func reach(_ count: Int) -> Int {
        rawValue < userLimit ? min(count, Int(userLimit - rawValue)) : 0
    }

    /// Copies bytes here; returns how many were copied before the first byte that could not be.
    func copyOut(_ source: RawSpan) -> Int {
        // the span's own bytes
        unsafe source.withUnsafeBytes { copyOut(from: UInt(bitPattern: $0.baseAddress), count: $0.count) }
    }

    /// Fills `destination` from here; returns how many bytes were copied.
    func copyIn(to destination: inout MutableRawSpan) -> Int {
        // the span's own bytes
        unsafe destination.withUnsafeMutableBytes { copyIn(to: UInt(bitPattern: $0.baseAddress), count: $0.count) }
    }

    @inline(never)
    private func copyOut(from source: UInt, count: Int) -> Int {
        let reach = reach(count)
        guard reach > 0 else { return 0 }
        return reach - Int(copy_user(UInt64(rawValue), UInt64(source), UInt64(reach)))
    }

    @inline(never)
    private func copyIn(to destination: UInt, count: Int) -> Int {
        let reach = reach(count)
        guard reach > 0 else { return 0 }
        return reach - Int(copy_user(UInt64(destination), UInt64(rawValue), UInt64(reach)))
    }

    /// Copies all of a flat record in.
    /// - Throws: badAddress.
    func load<T: BitwiseCopyable>(as type: T.Type) throws(SystemError) -> T {
        // Room for the record on the stack; its bytes are read only when all of them have come.
        let value: T? = unsafe withUnsafeTemporaryAllocation(of: T.self, capacity: 1) { buffer in
            let place = UInt(bitPattern: buffer.baseAddress)
            return copyIn(to: place, count: MemoryLayout<T>.size) == MemoryLayout<T>.size ? unsafe buffer[0] : nil
        }
        guard let value else { throw .badAddress }
        return value
    }

    /// Copies all of a flat record out.
    /// - Throws: badAddress.
    func store<T: BitwiseCopyable>(_ value: T) throws(SystemError) {
        // the value's own bytes
        let copied = unsafe withUnsafeBytes(of: value) {
            copyOut(from: UInt(bitPattern: $0.baseAddress), count: $0.count)
        }
        guard copied == MemoryLayout<T>.size else { throw .badAddress }
    }

    /// Copies a NUL-terminated string in, with its NUL; returns its length without the NUL.
    /// - Throws: badAddress; nameTooLong for a string that does not fit.
    func copyString(to destination: inout MutableRawSpan) throws(SystemError) -> Int {
        let limit = destination.byteCount
        let reach = reach(limit)
        guard reach > 0 else { throw .badAddress }
        let length = unsafe destination.withUnsafeMutableBytes {
            // reach is at most the span's count
            copy_user_string(UInt64(UInt(bitPattern: $0.baseAddress)), UInt64(rawValue), UInt64(reach))
        }
        guard length >= 0 else { throw .badAddress }
        guard length < reach else { throw reach < limit ? .badAddress : .nameTooLong }
        return Int(length)
    }
}
