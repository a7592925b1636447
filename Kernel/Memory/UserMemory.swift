// Copies between the kernel and the running process's memory. The range is checked, a page that is not there yet is served like
// any other fault (also under a lock), and a bad address ends the copy with an error, never with a trap.

import Machine
import SystemInterface

/// An address that a user program gave.
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

    /// Copies `count` bytes here; returns how many were copied before the first byte that could not be.
    @inline(never)
    func copyOut(from source: UnsafeRawPointer, count: Int) -> Int {
        let reach = reach(count)
        guard reach > 0 else { return 0 }
        return reach - Int(copy_user(UInt64(rawValue), UInt64(UInt(bitPattern: source)), UInt64(reach)))
    }

    /// Copies `count` bytes from here; returns how many were copied.
    @inline(never)
    func copyIn(to destination: UnsafeMutableRawPointer, count: Int) -> Int {
        let reach = reach(count)
        guard reach > 0 else { return 0 }
        return reach - Int(copy_user(UInt64(UInt(bitPattern: destination)), UInt64(rawValue), UInt64(reach)))
    }

    /// Copies all of a trivial value in, or fails.
    func load<T: BitwiseCopyable>(as type: T.Type) throws(SystemError) -> T {
        try withUnsafeTemporary(T.self) { (buffer) throws(SystemError) -> T in
            guard copyIn(to: buffer, count: MemoryLayout<T>.size) == MemoryLayout<T>.size else { throw .badAddress }
            return buffer.pointee
        }
    }

    /// Copies all of a trivial value out, or fails.
    func store<T: BitwiseCopyable>(_ value: T) throws(SystemError) {
        var value = value
        let copied = withUnsafeMutablePointer(to: &value) { copyOut(from: $0, count: MemoryLayout<T>.size) }
        guard copied == MemoryLayout<T>.size else { throw .badAddress }
    }

    /// Copies a NUL-terminated string of fewer than `limit` bytes in, with its NUL; returns its length without the NUL.
    func copyString(to destination: UnsafeMutablePointer<UInt8>, limit: Int) throws(SystemError) -> Int {
        let reach = reach(limit)
        guard reach > 0 else { throw .badAddress }
        let length = copy_user_string(UInt64(UInt(bitPattern: destination)), UInt64(rawValue), UInt64(reach))
        guard length >= 0 else { throw .badAddress }
        guard length < reach else { throw reach < limit ? .badAddress : .nameTooLong }
        return Int(length)
    }
}

/// Room for one value on the stack, uninitialised.
@inline(__always)
private func withUnsafeTemporary<T: BitwiseCopyable>(
    _ type: T.Type, _ body: (UnsafeMutablePointer<T>) throws(SystemError) -> T
) throws(SystemError) -> T {
    var result: Swift.Result<T, SystemError> = .failure(.badAddress)
    withUnsafeTemporaryAllocation(of: T.self, capacity: 1) { buffer in
        do throws(SystemError) {
            result = .success(try body(buffer.baseAddress.unsafelyUnwrapped))
        } catch {
            result = .failure(error)
        }
    }
    return try result.get()
}
