// The system calls, as functions that throw what went wrong. The one place in a user program that executes `ecall`.
// What each call does: Kernel/Interface/SystemCallNumber.swift and Kernel/SystemCall.

public import SystemInterface
import UserMachine

/// An open file of this process.
public struct Descriptor: Equatable, Sendable {
    public let rawValue: Int32
    public init(_ rawValue: Int32) { self.rawValue = rawValue }

    public static let standardInput = Descriptor(0)
    public static let standardOutput = Descriptor(1)
    public static let standardError = Descriptor(2)
}

@inline(__always)
func call(
    _ number: SystemCallNumber, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0, _ d: UInt64 = 0
) throws(SystemError) -> Int {
    let result = system_call(number.rawValue, a, b, c, d)
    if result.value == -1 { throw SystemError(rawValue: Int32(truncatingIfNeeded: result.error)) }
    return Int(result.value)
}

@inline(__always)
func word(_ value: Int32) -> UInt64 { UInt64(bitPattern: Int64(value)) }
@inline(__always)
func word(_ pointer: UnsafeRawPointer?) -> UInt64 { UInt64(UInt(bitPattern: pointer)) }

/// The system calls by xv6's names.
public enum System {
    /// Any number with any arguments, for tests: a0, and a1, which is the error number when a0 is -1.
    public static func raw(_ number: UInt64, _ a: UInt, _ b: UInt, _ c: UInt, _ d: UInt) -> (value: Int, error: SystemError) {
        let result = system_call(number, UInt64(a), UInt64(b), UInt64(c), UInt64(d))
        return (Int(result.value), SystemError(rawValue: Int32(truncatingIfNeeded: result.error)))
    }

    /// Any number with all registers: x1 to x31 (but sp) are loaded from here and stored back after the call. For tests.
    public static func raw(registers: UnsafeMutablePointer<UInt64>) { system_call_registers(registers) }

    // MARK: Processes

    /// 0 in the child, the child's pid in the parent.
    public static func fork() throws(SystemError) -> Int32 { Int32(try call(.fork)) }

    public static func exit(_ status: Int32) -> Never {
        _ = system_call(SystemCallNumber.exit.rawValue, word(status), 0, 0, 0)
        fatalError()
    }

    /// Waits for any child to end.
    public static func wait() throws(SystemError) -> (pid: Int32, status: Int32) {
        var status: Int32 = 0
        let pid = try withUnsafeMutablePointer(to: &status) { (status) throws(SystemError) in try call(.wait, word(status)) }
        return (Int32(pid), status)
    }

    public static func kill(_ pid: Int32) throws(SystemError) { _ = try call(.kill, word(pid)) }

    /// Replaces this program; returns only by throwing. `arguments` ends with nil.
    public static func exec(_ path: CString, _ arguments: UnsafePointer<UnsafePointer<UInt8>?>) throws(SystemError) {
        _ = try call(.exec, word(path.start), word(arguments))
    }

    public static var pid: Int32 { Int32(truncatingIfNeeded: system_call(SystemCallNumber.getpid.rawValue, 0, 0, 0, 0).value) }

    /// Moves the break by `bytes`, reserving what it grows by; returns the old break.
    public static func moveBreak(by bytes: Int32) throws(SystemError) -> UInt { UInt(bitPattern: try call(.sbrk, word(bytes), 1)) }

    /// Moves the break by `bytes`; what it grows by comes when it is touched.
    public static func moveBreakLazily(by bytes: Int32) throws(SystemError) -> UInt { UInt(bitPattern: try call(.sbrk, word(bytes), 2)) }

    public static func sleep(nanoseconds: UInt64) throws(SystemError) { _ = try call(.nanosleep, nanoseconds) }

    /// Nanoseconds since boot.
    public static var clock: UInt64 {
        UInt64(bitPattern: system_call(SystemCallNumber.clock.rawValue, 0, 0, 0, 0).value)
    }

    /// Puts this process (pid 0) or a child into a group; group 0 names the process itself.
    public static func setGroup(of pid: Int32, to group: Int32) throws(SystemError) {
        _ = try call(.setGroup, word(pid), word(group))
    }

    /// Names the group that ^C ends; 0: none.
    public static func setForeground(_ group: Int32) { _ = system_call(SystemCallNumber.foreground.rawValue, word(group), 0, 0, 0) }

    /// Powers the machine off.
    public static func halt(_ code: Int32) throws(SystemError) { _ = try call(.halt, word(code)) }

    /// Fills `records` with what the kernel knows of the processes; returns how many there are, perhaps more than fit.
    public static func processes(_ records: UnsafeMutableBufferPointer<ProcessRecord>) throws(SystemError) -> Int {
        try call(.processes, word(records.baseAddress), UInt64(records.count))
    }

    /// What there is of memory, disk and tables, and what of it is free.
    public static func resources() throws(SystemError) -> SystemResources {
        var counts = SystemResources()
        _ = try withUnsafeMutablePointer(to: &counts) { (counts) throws(SystemError) in try call(.resources, word(counts)) }
        return counts
    }

    /// What the kernel counts of itself; the depths of stacks only when they are asked for.
    public static func counters(stacks: Bool = false) -> KernelCounters {
        var counters = KernelCounters()
        withUnsafeMutablePointer(to: &counters) { counters in
            _ = system_call(SystemCallNumber.counters.rawValue, word(counters), stacks ? 1 : 0, 0, 0)
        }
        return counters
    }

    /// Nanoseconds since 1970-01-01 00:00 UTC.
    public static func wallClock() throws(SystemError) -> UInt64 { UInt64(try call(.wallClock)) }

    /// The kernel's messages from a position on, at most 1 KiB; empty behind the last one. Moves the position behind them.
    public static func kernelMessages(from position: inout UInt64) throws(SystemError) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 1024)
        let result = buffer.withUnsafeMutableBufferPointer { buffer in
            withUnsafeMutablePointer(to: &position) { position in
                system_call(SystemCallNumber.dmesg.rawValue, word(position), word(buffer.baseAddress), UInt64(buffer.count), 0)
            }
        }
        if result.value == -1 { throw SystemError(rawValue: Int32(truncatingIfNeeded: result.error)) }
        buffer.removeLast(buffer.count - Int(result.value))
        return buffer
    }

    // MARK: Files

    public static func open(_ path: CString, _ flags: OpenFlags = []) throws(SystemError) -> Descriptor {
        Descriptor(Int32(try call(.open, word(path.start), UInt64(flags.rawValue))))
    }

    public static func close(_ file: Descriptor) throws(SystemError) { _ = try call(.close, word(file.rawValue)) }

    /// Reads what there is, up to the buffer's size; 0 at the end.
    public static func read(_ file: Descriptor, _ buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        try call(.read, word(file.rawValue), word(buffer.baseAddress), UInt64(buffer.count))
    }

    public static func write(_ file: Descriptor, _ buffer: UnsafeRawBufferPointer) throws(SystemError) -> Int {
        try call(.write, word(file.rawValue), word(buffer.baseAddress), UInt64(buffer.count))
    }

    public static func pipe() throws(SystemError) -> (read: Descriptor, write: Descriptor) {
        var ends: (Int32, Int32) = (0, 0)
        _ = try withUnsafeMutablePointer(to: &ends) { (ends) throws(SystemError) in try call(.pipe, word(ends)) }
        return (Descriptor(ends.0), Descriptor(ends.1))
    }

    /// Another descriptor, the lowest free one, for the same open file.
    public static func duplicate(_ file: Descriptor) throws(SystemError) -> Descriptor {
        Descriptor(Int32(try call(.dup, word(file.rawValue))))
    }

    public static func status(_ file: Descriptor) throws(SystemError) -> FileStatus {
        var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
        _ = try withUnsafeMutablePointer(to: &words) { (words) throws(SystemError) in
            try call(.fstat, word(file.rawValue), word(words))
        }
        return FileStatus(
            device: Int32(truncatingIfNeeded: words.0), inode: UInt32(truncatingIfNeeded: words.0 >> 32),
            type: Int16(truncatingIfNeeded: words.1), linkCount: Int16(truncatingIfNeeded: words.1 >> 16), size: words.2)
    }

    public static func changeDirectory(_ path: CString) throws(SystemError) { _ = try call(.chdir, word(path.start)) }
    public static func makeDirectory(_ path: CString) throws(SystemError) { _ = try call(.mkdir, word(path.start)) }
    public static func unlink(_ path: CString) throws(SystemError) { _ = try call(.unlink, word(path.start)) }

    public static func makeNode(_ path: CString, major: Int16, minor: Int16) throws(SystemError) {
        _ = try call(.mknod, word(path.start), word(Int32(major)), word(Int32(minor)))
    }

    public static func link(_ old: CString, as new: CString) throws(SystemError) {
        _ = try call(.link, word(old.start), word(new.start))
    }

    /// Copies a block of 1024 bytes of the disk, past the file system; returns how many blocks the disk has.
    public static func readDisk(block: UInt32, to buffer: UnsafeMutableRawPointer) throws(SystemError) -> UInt32 {
        UInt32(try call(.diskRead, UInt64(block), word(buffer)))
    }
}
