// memhog: takes all memory, to test how the system copes.

import SystemInterface
import UserLibrary

@main enum MemoryHog: Program {
    static let usage: StaticString = """
        usage: memhog processes [pid]
        So many processes take all memory that they can get and hold it for five seconds, while this one writes to pages that it
        shares with them and then ends the process with this pid.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        guard arguments.count == 1 || arguments.count == 2, let count = arguments[0].number, count > 0, count <= 16
        else {
            arguments.refuse("a number of processes from 1 to 16 is needed")
        }
        let victim = arguments.count == 2 ? arguments[1].number ?? 0 : 0
        // Pages that the children share until this process writes to them: each write needs a page of its own then.
        var shared = [UInt8](repeating: 1, count: 64 << 10)
        do throws(SystemError) {
            var children: [Int32] = []
            for _ in 0..<count {
                let pid = try System.fork()
                if pid == 0 { hold() }
                children.append(pid)
            }
            try System.sleep(nanoseconds: 1_500_000_000)
            for index in stride(from: 0, to: shared.count, by: 4096) { shared[index] = 2 }
            if victim > 0 { try System.kill(Int32(truncatingIfNeeded: victim)) }
            for _ in children { _ = try System.wait() }
            print("memhog: \(Int(shared[4096])) is what was written")
            return 0
        } catch {
            fail("\(error)")
        }
    }

    /// Takes all memory, page by page at the end, and holds it for five seconds.
    private static func hold() -> Never {
        var step: Int32 = 1 << 20
        while step >= 4096 {
            do throws(SystemError) { _ = try System.moveBreak(by: step) } catch { step /= 2 }
        }
        do throws(SystemError) { try System.sleep(nanoseconds: 5_000_000_000) } catch {}
        System.exit(0)
    }
}
