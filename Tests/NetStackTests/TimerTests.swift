// The stack's timers and its list of completions, by themselves.

import Testing

@testable import NetStack

@Suite struct TimerTests {
    private func memory(_ byteCount: Int) -> TableMemory {
        unsafe TableMemory(unsafe: .allocate(byteCount: byteCount, alignment: 16), byteCount: byteCount)
    }

    @Test func everyTimerHasItsNumber() {
        for number in 0..<StackTimer.count(connections: 100) { #expect(StackTimer(number: number).number == number) }
    }

    /// A thousand random settings, against a dictionary.
    @Test(arguments: 1...10 as ClosedRange<UInt64>) func timersComeInTheOrderOfTheirDeadlines(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var memory = memory(TimerQueue.memoryNeeded(connections: 100))
        var queue = TimerQueue(&memory, connections: 100)
        var model: [Int: UInt64] = [:]
        var now: UInt64 = 0
        for _ in 0..<1000 {
            let number = Int.random(in: 0..<StackTimer.count(connections: 100), using: &random)
            if UInt8.random(in: 0..<4, using: &random) == 0 {
                queue.cancel(StackTimer(number: number))
                model[number] = nil
            } else {
                let deadline = now + UInt64.random(in: 0..<1000, using: &random)
                queue.set(StackTimer(number: number), at: Instant(nanoseconds: deadline))
                model[number] = deadline
            }
            let next = model.values.min().map { Instant(nanoseconds: $0) } ?? .never
            check(queue.next == next)
            guard UInt8.random(in: 0..<8, using: &random) == 0 else { continue }
            now += UInt64.random(in: 0..<500, using: &random)
            var last: UInt64 = 0
            while let timer = queue.takeDue(now: Instant(nanoseconds: now)) {
                let deadline = model.removeValue(forKey: timer.number)
                #expect(deadline != nil && deadline! <= now && deadline! >= last)
                last = deadline ?? last
            }
            #expect(model.values.allSatisfy { $0 > now })
        }
    }

    @Test func completionsStandInTheListOnceAndInOrder() {
        var memory = memory(CompletionList.memoryNeeded(sockets: 100))
        var list = CompletionList(&memory, sockets: 100)
        let all = (0..<Completion.count(sockets: 100)).map { Completion(number: $0) }
        for turn in 0..<3 {
            for completion in all { list.append(completion) }
            list.append(.socket(turn))
            for completion in all { check(list.removeFirst() == completion) }
            check(list.removeFirst() == nil && list.isEmpty)
            list.append(.echo(1))  // the ring goes on elsewhere
            check(list.removeFirst() == .echo(1))
        }
        #expect(all.allSatisfy { Completion(number: $0.number) == $0 })
    }
}
