"""Invented customers and agents: names and numbers.

Numbers are from Ofcom's ranges for drama (English) and of an invented exchange (Chinese).
"""

from dataclasses import dataclass
from random import Random

from ccfs.demo.speech import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneIdentity:
    """Number and name of a party."""

    number: str
    name: str  # caller id name; may be empty


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """Customers and agents in one language."""

    main_number: str
    customer_numbers: tuple[str, ...]  # patterns for a number from 200 to 999
    customer_names: tuple[str, ...]
    agent_names: tuple[str, ...]  # of 1001, 1002, …

    def pick_customer(self, random: Random) -> PhoneIdentity:
        """Return a random customer. A number always has the same name."""
        digits = random.randint(200, 999)
        number = random.choice(self.customer_numbers).format(digits)
        return PhoneIdentity(number=number, name=self.customer_names[digits % len(self.customer_names)])

    def get_agent(self, number: str) -> PhoneIdentity:
        return PhoneIdentity(number=number, name=self.agent_names[int(number) - 1001])


IDENTITIES_BY_LANGUAGE: dict[Language, Identities] = {
    "en": Identities(
        main_number="02079460100",
        customer_numbers=("02079460{:03}", "07700900{:03}"),
        customer_names=(
            *("Ann Lee", "Zoë Ashworth", 'Siân "Jo" Price', "Tom O'Hara", "", "Łukasz Nowak", "Mobile Caller"),
            *("Hartley & Sons, Ltd", "Noor Rahman", 'The "Old Mill" Café', "François Dubois", "Grace Bell", "王芳"),
        ),
        agent_names=("Priya Shah", "Owen Clarke", "Maeve Byrne", "Daniel Okoro", "Chloë Marsh", "Ravi Patel"),
    ),
    "zh": Identities(
        main_number="01012340100",
        customer_numbers=("01012340{:03}", "01012345{:03}"),
        customer_names=(
            *("王芳", "李伟", '张"阿明"明', "刘洋", "", "陈静", "东方贸易,北京", "赵敏", "Zoë Müller", "孙丽"),
            *('"老友"茶馆', "周杰", "吴秀英"),
        ),
        agent_names=("林晓", "郭强", "何丽娜", "高翔", "罗敏", "梁志远"),
    ),
}
