// callcheck: what the grader of lab 4 asks call 22. It makes the call by its number, so it needs nothing of the library's.

import SystemInterface
import UserLibrary
import _Volatile

@main enum CallCheck: Program {
    static let usage: StaticString = """
        usage: callcheck answer|address|neighbours|calls|faults|copies|fork|exec
        Asks call 22, the counts of this process, one question. Prints "right", or what was expected and what came.
        """

    /// What the call stores.
    private struct Counts {
        var calls: UInt64 = 0
        var faults: UInt64 = 0
        /// Behind the record: the kernel leaves it alone.
        var behind: UInt64 = 0x5a5a_5a5a
    }

    static func run(_ arguments: Arguments) -> Int32 {
        guard arguments.count >= 1 else { arguments.refuse("one question is wanted") }
        let question = arguments[0]
        if question == "answer" { return answer() }
        if question == "address" { return address() }
        if question == "neighbours" { return neighbours() }
        if question == "calls" { return calls() }
        if question == "faults" { return faults() }
        if question == "copies" { return copies() }
        if question == "fork" { return fork() }
        if question == "exec" { return exec() }
        if question == "=executed" { return executed(arguments) }
        arguments.refuse("there is no question \(question)")
    }

    private static func counts() -> Counts {
        var counts = Counts()
        let result = withAddress(of: &counts) { System.raw(22, $0, 0, 0, 0) }
        if result.value != 0 { wrong("the result of call 22", 0, result.value) }
        return counts
    }

    private static func wrong(_ what: StaticString, _ wanted: Int, _ came: Int) -> Never {
        print("\(what): expected \(wanted), came \(came)")
        end(1)
    }

    private static func same(_ what: StaticString, _ wanted: Int, _ came: Int) {
        if wanted != came { wrong(what, wanted, came) }
    }

    private static func right() -> Int32 {
        print("right")
        return 0
    }

    /// The call is there, and stores 16 bytes.
    private static func answer() -> Int32 {
        same("what is behind the record", 0x5a5a_5a5a, Int(counts().behind))
        return right()
    }

    /// An address that is not the process's gives -1 and badAddress, and the kernel lives on.
    private static func address() -> Int32 {
        for address: UInt in [0x3f_ffff_f000, 0x40_0000_0000, 0xffff_ffc0_8020_0000, UInt.max - 7] {
            let result = System.raw(22, address, 0, 0, 0)
            same("the result for an address that is not the process's", -1, result.value)
            same("its error number", Int(SystemError.badAddress.rawValue), Int(result.error.rawValue))
        }
        return right()
    }

    /// The numbers beside it stay unknown.
    private static func neighbours() -> Int32 {
        _ = counts()
        for number: UInt64 in [23, 24, 63] {
            let result = System.raw(number, 0, 0, 0, 0)
            same("the result of a number that is no call", -1, result.value)
            same("its error number", Int(SystemError.noSuchCall.rawValue), Int(result.error.rawValue))
        }
        return right()
    }

    /// Each call counts, those that fail too, and call 22 itself.
    private static func calls() -> Int32 {
        let before = counts()
        same("calls, when nothing but call 22 was made", Int(before.calls) + 1, Int(counts().calls))
        for _ in 0..<10 { _ = System.raw(11, 0, 0, 0, 0) }
        _ = System.raw(21, 99, 0, 0, 0)
        same("calls, after ten of getpid and a close that failed", Int(before.calls) + 13, Int(counts().calls))
        return right()
    }

    /// Pages that are touched for the first time are faults; those that are there are none.
    private static func faults() -> Int32 {
        let start = UInt(System.raw(12, 8 * 4096, 2, 0, 0).value + 4095) & ~4095
        let before = counts()
        for page: UInt in 0..<5 { touch(start + page * 4096) }
        same("faults, after stores to five lazy pages", Int(before.faults) + 5, Int(counts().faults))
        for page: UInt in 0..<5 { touch(start + page * 4096 + 8) }
        same("faults, after five more to the same pages", Int(before.faults) + 5, Int(counts().faults))
        return right()
    }

    /// The kernel's own copies are no faults of the program's.
    private static func copies() -> Int32 {
        let start = UInt(System.raw(12, 4 * 4096, 2, 0, 0).value + 4095) & ~4095
        let before = counts()
        same("fstat to a lazy page", 0, System.raw(8, 1, start, 0, 0).value)
        same("faults, after a copy of the kernel's to a lazy page", Int(before.faults), Int(counts().faults))
        return right()
    }

    private static func touch(_ address: UInt) {
        // a page of the heap; that it is touched is what is counted
        unsafe VolatileMappedRegister<UInt8>(unsafeBitPattern: address).store(1)
    }

    /// A child begins with nothing, and what it does is its own.
    private static func fork() -> Int32 {
        for _ in 0..<50 { _ = System.raw(11, 0, 0, 0, 0) }
        let before = counts()
        do throws(SystemError) {
            if try System.fork() == 0 {
                let first = Int(counts().calls)
                if first != 1 { print("calls of a child, at its first: expected 1, came \(first)") }
                for _ in 0..<100 { _ = System.raw(11, 0, 0, 0, 0) }
                end(first == 1 ? 0 : 1)
            }
            let status = try System.wait().status
            if status != 0 { end(status) }
        } catch { fail("\(error)") }
        same("calls of the parent: fork, wait, and call 22", Int(before.calls) + 3, Int(counts().calls))
        return right()
    }

    /// exec is one call of the same process: it goes on counting.
    private static func exec() -> Int32 {
        for _ in 0..<500 { _ = System.raw(11, 0, 0, 0, 0) }
        do throws(SystemError) {
            try System.exec("callcheck", ArgumentVector([CString("callcheck").bytes, CString("=executed").bytes]))
        } catch { fail("\(error)") }
        return 1
    }

    private static func executed(_ arguments: Arguments) -> Int32 {
        let calls = Int(counts().calls)
        if calls < 500 || calls > 600 {
            print("calls, 500 of them before exec: expected 500 to 600, came \(calls)")
            return 1
        }
        return right()
    }
}
