// usertests: each rule of Documentation/ABI.md as a test with a name. Runs them one by one, each in a process of its
// own, and looks afterwards whether every page, inode, open file and process slot came back.

import SystemInterface
import UserLibrary

/// A rule of the system, and what proves it.
struct Test {
    let name: StaticString
    /// Left out by -q.
    let isSlow: Bool
    /// It runs with the right to do what concerns the whole machine; else without (restrict).
    let keepsRights: Bool
    let body: () -> Void

    init(_ name: StaticString, slow: Bool = false, keepsRights: Bool = false, _ body: @escaping () -> Void) {
        self.name = name
        isSlow = slow
        self.keepsRights = keepsRights
        self.body = body
    }
}

@main enum UserTests: Program {
    static let usage: StaticString = """
        usage: usertests [-q] [-l] [name ...]
        Tests the system calls. Prints OK or FAILED for each test, and then whether all memory, files and processes came back.
          -q    leaves the slow ones out
          -l    only lists the names
        Exit status 0 if ALL TESTS PASSED.
        """
    static let options: StaticString? = "ql"

    private static var directory: Path { "/usertests.tmp" }

    private static func allTests() -> [Test] {
        CallTests.all + ProcessTests.all + KillTests.all + ControlTests.all + MemoryTests.all + PageTests.all
            + ExhaustionTests.all
            + ExecTests.all
            + ImageTests.all
            + PipeTests.all + PollTests.all + RingTests.all + StreamTests.all
            + FileTests.all + DescriptorTests.all + ContentTests.all + DirectoryTests.all + LinkTests.all
            + DiskTests.all
    }

    static func run(_ arguments: Arguments) -> Int32 {
        if arguments.count > 0, arguments[0] == "=exec" { return ExecTests.beExecuted(arguments) }
        let (quick, listing) = (arguments.has("q"), arguments.has("l"))
        var tests = allTests()
        if arguments.count > 0 { tests = named(arguments, among: tests) }
        if quick { tests.removeAll { $0.isSlow } }
        if listing {
            for test in tests {
                let mark: StaticString = test.isSlow ? " (slow)" : ""
                print("\(test.name)\(mark)")
            }
            return 0
        }
        return runAll(tests)
    }

    private static func named(_ names: Arguments, among tests: [Test]) -> [Test] {
        var chosen: [Test] = []
        for index in 0..<names.count {
            let found = tests.filter { CString($0.name) == names[index] }
            if found.isEmpty { names.refuse("there is no test \(names[index]): usertests -l lists them") }
            chosen += found
        }
        return chosen
    }

    private static func runAll(_ tests: [Test]) -> Int32 {
        makeDirectory()
        removeDirectory()
        let before: Balance
        do throws(SystemError) { before = try Balance() } catch { fail("counts: \(error)") }
        let start = System.clock
        var failed = 0
        for test in tests {
            var line = Output(.standardOutput)
            line.write("\(test.name): ")
            line.flush()
            makeDirectory()
            let began = System.clock
            let status = run(test)
            let took = (System.clock - began) / 1_000_000
            removeDirectory()
            if status == 0 {
                print("OK (\(took) ms)")
            } else {
                print("\(test.name): FAILED (status \(status))")
                failed += 1
            }
        }
        let seconds = (System.clock - start) / 1_000_000_000
        print("\(tests.count) tests in \(seconds) s")
        if failed > 0 { print("SOME TESTS FAILED: \(failed)") }
        if before.report(failed: failed > 0) == 0 {
            let verdict: Text = "ALL TESTS PASSED"
            print(verdict)
            return 0
        }
        return 1
    }

    /// The status that a test ended with: 0, 1 after a failure it has printed, -1 if it was killed.
    private static func run(_ test: Test) -> Int32 {
        standardOutput.flush()
        do throws(SystemError) {
            let pid = try System.fork()
            if pid == 0 {
                do throws(SystemError) { try System.changeDirectory(directory) } catch {
                    fail("\(directory): \(error)")
                }
                if !test.keepsRights { System.restrict() }
                test.body()
                end(0)
            }
            while true {
                let (ended, status) = try System.wait()
                if ended == pid { return status }
            }
        } catch {
            complain("\(error)")
            return 1
        }
    }

    // MARK: The directory for the tests' files

    private static func makeDirectory() {
        do throws(SystemError) {
            try System.makeDirectory(directory)
        } catch .fileExists {
            Remover.empty(directory)
        } catch {
            fail("\(directory): \(error)")
        }
    }

    /// With what a failed test left in it.
    private static func removeDirectory() {
        Remover.empty(directory)
        do throws(SystemError) { try System.unlink(directory) } catch { complain("\(directory): \(error)") }
    }
}
