// true: does nothing, successfully. The smallest program there is, so `bench` executes it to learn what exec costs.

import UserLibrary

@main enum True: Program {
    static let usage: StaticString = "usage: true\nDoes nothing, successfully."

    static func run(_ arguments: Arguments) -> Int32 { 0 }
}
