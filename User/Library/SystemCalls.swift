// The system calls about processes and the system, as functions that throw what went wrong. What each call does:
// Kernel/Interface/SystemCallNumber.swift. Files: SystemFiles.swift; the network: SystemNetwork.swift.

public import SystemInterface
import UserMachine

/// Executes `ecall`: a number and its arguments, and what the kernel returns.
@inline(__always)  // the arguments go straight into their registers: a call is a few instructions
func ecall(_ number: SystemCallNumber, _ a: UInt = 0, _ b: UInt = 0, _ c: UInt = 0, _ d: UInt = 0) -> SystemCallResult {
    system_call(number.rawValue, UInt64(a), UInt64(b), UInt64(c), UInt64(d))
}

extension SystemCallResult {
    /// The result of a call that may fail.
    /// - Throws: the error number of a call that returned -1.
    @inline(__always)  // as `ecall`
    func checked() throws(SystemError) -> Int {
        if value == -1 { throw SystemError(rawValue: Int32(truncatingIfNeeded: error)) }
        return Int(value)
    }
}

/// A call that may fail, with numbers as arguments.
@inline(__always)  // as `ecall`
func call(
    _ number: SystemCallNumber, _ a: UInt = 0, _ b: UInt = 0, _ c: UInt = 0, _ d: UInt = 0
) throws(SystemError) -> Int {
    try ecall(number, a, b, c, d).checked()
}

/// An `int` as a register holds it.
@inline(__always)  // as `ecall`
func word(_ value: Int32) -> UInt { UInt(bitPattern: Int(value)) }

/// Calls `body` with the address of a record that the kernel reads or fills in.
@inline(__always)  // as `ecall`
public func withAddress<Record: BitwiseCopyable, Result>(of record: inout Record, _ body: (UInt) -> Result) -> Result {
    // the kernel writes to the record, and not beyond it
    unsafe withUnsafeMutablePointer(to: &record) { body(UInt(bitPattern: $0)) }
}

/// The system calls.
public enum System {
    /// Any number with any arguments, for tests: a0, and a1, which is the error number when a0 is -1.
    public static func raw(_ number: UInt64, _ a: UInt, _ b: UInt, _ c: UInt, _ d: UInt) -> (
        value: Int, error: SystemError
    ) {
        let result = system_call(number, UInt64(a), UInt64(b), UInt64(c), UInt64(d))
        return (Int(result.value), SystemError(rawValue: Int32(truncatingIfNeeded: result.error)))
    }

    /// A call with all registers: x1 to x31 (but sp) are loaded from here and stored back after it. For tests.
    public static func raw(registers: inout [32 of UInt64]) {
        // 32 registers, as the assembly expects.
        unsafe withUnsafeMutableBytes(of: &registers) {
            unsafe system_call_registers($0.baseAddress!.assumingMemoryBound(to: UInt64.self))
        }
    }

    // MARK: Processes

    /// 0 in the child, the child's pid in the parent.
    public static func fork() throws(SystemError) -> Int32 { Int32(try call(.fork)) }

    public static func exit(_ status: Int32) -> Never {
        _ = ecall(.exit, word(status))
        fatalError()
    }

    /// Waits for any child to end.
    public static func wait() throws(SystemError) -> (pid: Int32, status: Int32) {
        var status: Int32 = 0
        let pid = try withAddress(of: &status) { ecall(.wait, $0) }.checked()
        return (Int32(pid), status)
    }

    /// Waits for a child to end: the one with this pid, or with 0 any.
    /// - Parameter sleeps: if not, it throws tryAgain while none has ended.
    public static func wait(for pid: Int32, sleeps: Bool = true) throws(SystemError) -> ChildRecord {
        var record = ChildRecord()
        _ = try withAddress(of: &record) { ecall(.waitChild, word(pid), $0, sleeps ? 0 : 1) }.checked()
        return record
    }

    public static func kill(_ pid: Int32) throws(SystemError) { _ = try call(.kill, word(pid)) }

    /// Replaces this program; returns only by throwing.
    public static func exec(_ path: Path, _ arguments: borrowing ArgumentVector) throws(SystemError) {
        let vector = arguments.address
        _ = try path.checked().withAddress { ecall(.exec, $0, vector) }.checked()
    }

    public static var pid: Int32 { Int32(truncatingIfNeeded: ecall(.getpid).value) }

    /// Moves the break by `bytes`, reserving what it grows by; returns the old break.
    public static func moveBreak(by bytes: Int32) throws(SystemError) -> UInt {
        UInt(bitPattern: try call(.sbrk, word(bytes), 1))
    }

    /// Moves the break by `bytes`; pages that it grows by come when they are touched.
    public static func moveBreakLazily(by bytes: Int32) throws(SystemError) -> UInt {
        UInt(bitPattern: try call(.sbrk, word(bytes), 2))
    }

    public static func sleep(nanoseconds: UInt64) throws(SystemError) { _ = try call(.nanosleep, UInt(nanoseconds)) }

    /// Puts this process (pid 0) or a child into a group; group 0 names the process itself.
    public static func setGroup(of pid: Int32, to group: Int32) throws(SystemError) {
        _ = try call(.setGroup, word(pid), word(group))
    }

    /// Names the group that ^C ends; 0: none.
    public static func setForeground(_ group: Int32) { _ = ecall(.foreground, word(group)) }

    // MARK: The system

    /// Nanoseconds since boot.
    public static var clock: UInt64 { UInt64(bitPattern: ecall(.clock).value) }

    /// Nanoseconds since 1970-01-01 00:00 UTC.
    public static func wallClock() throws(SystemError) -> UInt64 { UInt64(try call(.wallClock)) }

    /// Gives up the right to power the machine off, to change the network, to read the disk itself and to see all frames:
    /// for this process, and for those that it starts.
    public static func restrict() { _ = ecall(.restrict) }

    /// Powers the machine off.
    public static func halt(_ code: Int32) throws(SystemError) { _ = try call(.halt, word(code)) }

    /// What the kernel knows of the processes.
    public static func processes() throws(SystemError) -> [ProcessRecord] {
        var records = [ProcessRecord](repeating: ProcessRecord(), count: Limit.processes)
        // the kernel fills in as many records as the count says
        let count = try unsafe records.withUnsafeMutableBufferPointer {
            ecall(.processes, UInt(bitPattern: $0.baseAddress), UInt($0.count))
        }.checked()
        records.removeLast(records.count - min(count, records.count))
        return records
    }

    /// What there is of memory, disk and tables, and what of it is free.
    public static func resources() throws(SystemError) -> SystemResources {
        var counts = SystemResources()
        _ = try withAddress(of: &counts) { ecall(.resources, $0) }.checked()
        return counts
    }

    /// What the kernel counts of itself; the depths of stacks only when they are asked for.
    public static func counters(stacks: Bool = false) -> KernelCounters {
        var counters = KernelCounters()
        _ = withAddress(of: &counters) { ecall(.counters, $0, stacks ? 1 : 0) }
        return counters
    }

    /// The kernel's messages from a position on, at most 1 KiB; empty behind the last one. Moves the position behind
    /// them.
    public static func kernelMessages(from position: inout UInt64) throws(SystemError) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 1024)
        let count = try withAddress(of: &position) { place in
            unsafe buffer.withUnsafeMutableBufferPointer {  // the kernel writes no more than the count
                ecall(.dmesg, place, UInt(bitPattern: $0.baseAddress), UInt($0.count))
            }
        }.checked()
        buffer.removeLast(buffer.count - count)
        return buffer
    }

    /// A number of 64 bits from the kernel's random generator.
    public static func randomNumber() throws(SystemError) -> UInt64 {
        var number: UInt64 = 0
        _ = try withAddress(of: &number) { ecall(.getrandom, $0, 8) }.checked()
        return number
    }
}
