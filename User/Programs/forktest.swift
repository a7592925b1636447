// forktest: as many processes as there can be, some times over.

import SystemInterface
import UserLibrary

@main enum ForkTest: Program {
    static let usage: StaticString = """
        usage: forktest [rounds]
        Forks until there is no process slot left, waits for all, and does so again (10 rounds if no number is given).
        Exit status 0 if every child came back with its status, and all memory and slots.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        System.restrict()
        var rounds = 10
        if arguments.count > 0 {
            guard arguments.count == 1, let number = arguments[0].number, number > 0 else {
                arguments.refuse("the rounds are a number")
            }
            rounds = number
        }
        do throws(SystemError) {
            let before = try Balance()
            for round in 1...rounds {
                let children = try fill()
                try wait(for: children)
                print("round \(round): \(children) children")
            }
            let status = before.report(failed: false)
            if status == 0 { print("\(rounds) rounds: all came back") }
            return status
        } catch {
            fail("\(error)")
        }
    }

    /// Forks until that fails, which must be for want of a slot or of memory; returns how many children there are.
    private static func fill() throws(SystemError) -> Int {
        var children = 0
        while true {
            do throws(SystemError) {
                if try System.fork() == 0 { System.exit(Int32(children)) }
                children += 1
            } catch .tryAgain where children > 0 {
                return children
            } catch .noMemory where children > 0 {
                return children
            }
            if children > 1000 { return children }  // they end as fast as they start
        }
    }

    private static func wait(for children: Int) throws(SystemError) {
        var sum = 0
        for _ in 0..<children { sum += Int(try System.wait().status) }
        guard sum == children * (children - 1) / 2 else { fail("the children's statuses are not what they ended with") }
        do throws(SystemError) {
            _ = try System.wait()
        } catch .noChild {
            return
        }
        fail("wait returned more children than there were")
    }
}
