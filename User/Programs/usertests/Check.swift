// What the tests are written with: calls with any arguments, what they must give, and children. A test runs in a
// process of its own; the first thing that is not as expected is printed, and ends it with status 1.

import SystemInterface
import UserLibrary
import _Volatile

/// A round of a loop, or an address, that is named with a failure: the test that runs through many sets it.
var round: UInt? {
    get { unsafe storedRound }  // a program has one thread
    set { unsafe storedRound = newValue }
}

nonisolated(unsafe) private var storedRound: UInt?  // a program has one thread

/// Memory of this program's own, by elements; its bounds are the kernel's business, which is what is tested.
@safe
struct Memory<Element: BitwiseCopyable> {
    let address: UInt

    subscript(index: Int) -> Element {
        // a page that is missing ends the test
        get { unsafe UnsafePointer<Element>(bitPattern: address).unsafelyUnwrapped[index] }
        // as above
        nonmutating set {
            unsafe UnsafeMutablePointer<Element>(bitPattern: address).unsafelyUnwrapped[index] = newValue
        }
    }

    /// The same memory as elements of another type.
    func of<Other>(_ type: Other.Type) -> Memory<Other> { Memory<Other>(address: address) }

    static func + (memory: Memory, count: Int) -> Memory {
        Memory(address: memory.address + UInt(count * MemoryLayout<Element>.stride))
    }
}

/// What a system call gave.
struct Outcome {
    let value: Int
    /// Nil unless the value is -1.
    let error: SystemError?

    /// Any result but -1.
    @discardableResult
    func succeeds(_ what: StaticString) -> Int {
        if let error { fails(what, "success", "\(error)") }
        return value
    }

    func gives(_ wanted: Int, _ what: StaticString) {
        if let error, wanted != -1 { fails(what, "\(wanted)", "\(error)") }
        if value != wanted { fails(what, "\(wanted)", "\(value)") }
    }

    /// -1, and this error number if one is given.
    func fails(_ wanted: SystemError? = nil, _ what: StaticString) {
        guard let error else { Failure.end(what, "failure", "\(value)") }
        if let wanted, error != wanted { Failure.end(what, "\"\(wanted)\"", "\"\(error)\" (\(error.rawValue))") }
    }

    private func fails(_ what: StaticString, _ wanted: Text, _ got: Text) -> Never { Failure.end(what, wanted, got) }
}

enum Failure {
    /// Ends the test: `what` was to be `wanted`.
    @inline(never)  // hundreds of callers
    static func end(_ what: StaticString, _ wanted: Text, _ got: Text) -> Never {
        var place = Text()
        if let round { place = " (at \(UInt64(round)), \(hex: UInt64(round)))" }
        print("  \(what)\(place): expected \(wanted), came \(got)")
        UserLibrary.end(1)
    }
}

/// A system call with any arguments.
@inline(never)  // hundreds of callers
func call(_ number: SystemCallNumber, _ a: UInt = 0, _ b: UInt = 0, _ c: UInt = 0, _ d: UInt = 0) -> Outcome {
    let result = System.raw(number.rawValue, a, b, c, d)
    return Outcome(value: result.value, error: result.value == -1 ? result.error : nil)
}

@inline(never)  // hundreds of callers
func expect(_ isTrue: Bool, _ what: StaticString) {
    if !isTrue { Failure.end(what, "yes", "no") }
}

@inline(never)  // hundreds of callers
func expect(_ got: Int, _ wanted: Int, _ what: StaticString) {
    if got != wanted { Failure.end(what, "\(wanted)", "\(got)") }
}

// MARK: Arguments

/// The address of a literal, which ends with a NUL.
func at(_ text: StaticString) -> UInt { CString(text).address }
func at<Element>(_ memory: Memory<Element>) -> UInt { memory.address }
/// An int as a register holds it.
func int(_ value: Int) -> UInt { UInt(bitPattern: value) }

let page: UInt = 4096
/// Where user addresses end.
let userLimit: UInt = 0x3f_ffff_e000

/// Fresh zeroed memory from sbrk, page-aligned; it stays until the test ends.
func memory(_ bytes: UInt) -> Memory<UInt8> {
    let old = UInt(call(.sbrk, 0, 1).succeeds("sbrk(0)"))
    let start = (old + page - 1) & ~(page - 1)
    call(.sbrk, start - old + bytes, 1).succeeds("memory for the test")
    return Memory(address: start)
}

/// The end of the process's memory.
var breakAddress: UInt { UInt(call(.sbrk, 0, 1).succeeds("sbrk(0)")) }

/// One load or store, exactly: a fault of it is what many tests are about.
// as above
func load(_ address: UInt) -> UInt8 { unsafe VolatileMappedRegister<UInt8>(unsafeBitPattern: address).load() }
// as above
func store(_ value: UInt8, _ address: UInt) {
    unsafe VolatileMappedRegister<UInt8>(unsafeBitPattern: address).store(value)
}

// MARK: Children

/// Starts a child that runs `body` and exits with 0.
@discardableResult
func child(_ body: () -> Void) -> Int {
    standardOutput.flush()
    let pid = call(.fork).succeeds("fork")
    if pid == 0 {
        body()
        exit(0)
    }
    return pid
}

func exit(_ status: Int) -> Never {
    standardOutput.flush()
    _ = call(.exit, int(status))
    while true {}
}

/// Waits for any child; its status.
@discardableResult
func waitStatus(_ what: StaticString = "wait") -> Int {
    var status: Int32 = 0x5a5a
    _ = withAddress(of: &status) { call(.wait, $0).succeeds(what) }
    return Int(status)
}

/// Runs `body` in a child: it must end with this status.
func inChild(_ wanted: Int = 0, _ what: StaticString, _ body: () -> Void) {
    let pid = child(body)
    var status: Int32 = 0x5a5a
    let ended = withAddress(of: &status) { call(.wait, $0).succeeds(what) }
    expect(ended, pid, "the child that wait returns")
    expect(Int(status), wanted, what)
}

/// Runs `body` in a child, which the kernel must kill for it.
func dies(_ what: StaticString, _ body: () -> Void) { inChild(-1, what, body) }

/// exec with one argument.
func exec(_ path: UInt, with argument: UInt = at("x")) -> Outcome {
    var arguments: (UInt, UInt) = (argument, 0)
    return withAddress(of: &arguments) { call(.exec, path, $0) }
}

/// Sleeps for so many tenths of a second.
func pause(_ ticks: Int) { call(.sleep, int(ticks)).gives(0, "sleep") }

// MARK: Files

/// Makes a directory, which must succeed.
func mkdir(_ name: StaticString) { call(.mkdir, at(name)).gives(0, "mkdir") }

/// Makes a file with `count` bytes, each its offset modulo 251.
func makeFile(_ name: StaticString, _ count: Int) {
    let file = UInt(call(.open, at(name), 0x601).succeeds("creating a file"))
    let bytes = memory(UInt(max(count, 1)))
    for index in 0..<count { bytes[index] = UInt8(index % 251) }
    call(.write, file, at(bytes), UInt(count)).gives(count, "writing the file")
    close(file)
}

func open(_ name: StaticString, _ flags: UInt = 0, _ what: StaticString = "open") -> UInt {
    UInt(call(.open, at(name), flags).succeeds(what))
}

func close(_ file: UInt) { call(.close, file).gives(0, "close") }
func remove(_ name: StaticString) { call(.unlink, at(name)).gives(0, "unlink") }

struct Stat {
    let device: Int
    let inode: Int
    let type: Int
    let links: Int
    let size: Int
}

func stat(_ file: UInt) -> Stat {
    var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
    withAddress(of: &words) { call(.fstat, file, $0).gives(0, "fstat") }
    return Stat(
        device: Int(words.0 & 0xffff_ffff), inode: Int(words.0 >> 32), type: Int(words.1 & 0xffff),
        links: Int(words.1 >> 16 & 0xffff), size: Int(words.2))
}

func stat(_ name: StaticString) -> Stat {
    let file = open(name, 0, "open for fstat")
    defer { close(file) }
    return stat(file)
}

/// What there is and what is free.
func resources() -> SystemResources {
    var counts = SystemResources()
    withAddress(of: &counts) { call(.resources, $0).gives(0, "resources") }
    return counts
}

/// Where this program's stack ends: its arguments fill less than a page.
var stackTop: UInt { (Arguments.vectorAddress & ~(page - 1)) + page }
var stackBottom: UInt { stackTop - Limit.markedStack }

/// Gives this process copies of the pages that it writes to: its variables, what it needs of its stack, its first 64 KiB of heap. After
/// that it takes no page unless a test asks for one.
func ownPages() {
    var local: UInt8 = 0
    let stack = withAddress(of: &local) { $0 } & ~(page - 1)
    let variables = unsafe withAddress(of: &storedRound) { $0 } & ~(page - 1)
    // Below the stack lies the guard page.
    for address in stride(from: variables, to: stackBottom - page, by: Int(page)) { store(load(address), address) }
    let end = min(breakAddress, stackTop + 64 << 10)
    for address in stride(from: stack - 16 * page, to: end, by: Int(page)) { store(load(address), address) }
    standardOutput.flush()
}

/// The counts before something that must give everything back.
func resourcesBefore() -> SystemResources {
    ownPages()
    return resources()
}
